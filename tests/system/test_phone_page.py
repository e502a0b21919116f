"""The phone page in a browser with emulated sensors and the whole system: Kafka has what the page recorded."""

import time

import numpy as np
import pytest

from deploy.addresses import choose_addresses
from deploy.audit.topic_reader import TopicReader
from deploy.local_store import LocalStore
from deploy.processes import ProcessGroup
from deploy.stack import Stack
from har import topics
from har.binary_samples import decode_batch
from har.decisions import no_opinion
from har.labels import decode_label
from har.predictions import decode_prediction
from har.windowing import recording_windows
from ingest.devices.registry import Registry
from model_store.onnx_classifier import OnnxClassifier
from recording_files.finding import find_source
from tests.cuttable_network import CuttableNetwork
from tests.ingest.phone_page.phone_in_browser import GatewayAddress, PhoneInBrowser, assert_all_arrived, columns_of
from tests.system.conftest import System
from tests.waiting import wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.browser]

DEVICE = "annas-phone"
OPERATOR = "an operator's token"
#: Console messages of the cut, and of the request for a newer root of the store.
EXPECTED_FAULTS = ("net::ERR_", "WebSocket connection", "2.root.json")
#: How long to wait for predictions, s: longer than a window, its filter and the grace.
SETTLE_SECONDS = 15
#: Time for windows that both classify, on a machine so busy that few windows have enough readings, s.
COMPARE_SECONDS = 90
#: Interval between checks, s: each reads everything that has arrived.
CHECK_SECONDS = 1


@pytest.fixture(scope="module")
def enrolling(tmp_path_factory):
    """The whole system with a store, an archive and a gateway that requires enrolment; and its registry."""
    folder = tmp_path_factory.mktemp("enrolling")
    url = f"sqlite:///{folder}/devices.sqlite3"
    system = System(folder)
    secrets = dict.fromkeys(("HAR_GATEWAY_TOKEN", "HAR_DASHBOARD_GATEWAY_TOKEN"), OPERATOR)
    system.stack = Stack(
        choose_addresses(),
        folder,
        ProcessGroup(environment=secrets),
        store=LocalStore(folder / "releases"),
        gateway_options=("--registry", url),
        archive=str(folder / "archive"),
    )
    try:
        system.run(system.stack.start())
        with Registry(url) as registry:
            yield system, registry
    finally:
        system.close()


@pytest.fixture
def network(enrolling):
    """The network between the phone and the gateway."""
    with CuttableNetwork(enrolling[0].stack.addresses.gateway) as cuttable:
        yield cuttable


@pytest.fixture
def phone(enrolling, network, browser):
    _, registry = enrolling
    made = PhoneInBrowser(browser, GatewayAddress(f"http://localhost:{network.port}/phone/"))
    code = registry.invite(DEVICE, wearer="anna", frame="unknown", seconds=600)
    made.open(fragment=f"#enrol={code}")
    made.wait(lambda: made.state()["device"] == DEVICE)
    yield made
    browser.get("about:blank")


def of_device(system, topic, decode, device=DEVICE):
    """Return the messages of a device on a topic, in order."""
    with TopicReader(system.stack.addresses.kafka, topic.name) as reader:
        reader.open()
        records = [record for read in reader.read_to_end() for record in read]
    return [decode(record.value) for record in records if record.key == device.encode()]


def sessions_of(recorded):
    return list(dict.fromkeys(reading[0] for reading in recorded))


def expected_probabilities(recorded):
    """Return the baseline's probabilities of each window that the page recorded, by session and start.

    On a busy machine the emulated sensor delivers too few readings at times; such windows are not classified.
    """
    network, expected = OnnxClassifier.open("baseline"), {}
    bounds, even = network.manifest.signal_bounds, [*no_opinion(network.manifest.classes).values()]
    for session in sessions_of(recorded):
        times, axes = columns_of([reading for reading in recorded if reading[0] == session])
        windows = recording_windows(times, axes)
        probabilities = network.probabilities(windows.values) if len(windows.starts) else []
        for window, row in zip(windows, probabilities, strict=True):
            expected[session, window.start] = row if bounds.reason(window.quality) is None else np.float32(even)
    return expected


def shake_until_compared(phone, count):
    """Shake until a number of windows was compared; those of too few readings, as on a busy machine, are not."""

    def are_compared() -> bool:
        if phone.state()["compared"] >= count:
            return True
        phone.shake(2)
        return False

    wait_for(are_compared, f"{count} windows to be compared", COMPARE_SECONDS, every=CHECK_SECONDS)


def test_kafka_has_what_the_page_recorded_and_both_predict_alike_despite_a_cut(enrolling, network, phone):
    system, _ = enrolling
    phone.click("classifies")
    phone.start()
    shake_until_compared(phone, 5)
    network.cut()
    phone.shake(15)
    assert phone.state()["waiting"] > 5
    network.mend()
    phone.shake(5)
    phone.click_at("[data-activity=walk]")
    phone.wait(lambda: phone.state()["labelsWaiting"] == 0)
    phone.shake(10)
    phone.wait(lambda: phone.state()["waiting"] < 5)
    shake_until_compared(phone, 8)
    phone.click("start")  # stops the recording
    phone.wait_until_all_is_sent()
    phone.wait(lambda: phone.state()["labelsWaiting"] == 0)
    state, recorded = phone.state(), phone.recorded()
    assert state["lostSeconds"] == 0
    assert state["rejected"] == 0
    # Redis holds only the newest of the predictions that came late.
    assert state["compared"] == state["agreeing"] >= 8

    batches = of_device(system, topics.SAMPLES, decode_batch)
    assert_all_arrived(recorded, batches)
    expected = expected_probabilities(recorded)
    assert len(expected) > 20
    predictions = {}

    def all_are_predicted() -> bool:
        found = of_device(system, topics.PREDICTIONS, decode_prediction)
        predictions.update({(prediction.session, prediction.start): prediction for prediction in found})
        return predictions.keys() == expected.keys()

    wait_for(
        all_are_predicted,
        lambda: f"a prediction of each window; these differ: {sorted(predictions.keys() ^ expected.keys())}",
        SETTLE_SECONDS,
        every=CHECK_SECONDS,
    )
    for key, row in expected.items():
        prediction = predictions[key]
        shares = [*prediction.probabilities.values(), *prediction.background.values()]
        assert np.float32(shares).tolist() == row.tolist()
    made, stopped = of_device(system, topics.LABELS, decode_label)
    assert (made.activity, made.user, made.start) == ("walk", "anna", stopped.start)
    assert recorded[0][1] < made.start < stopped.end <= recorded[-1][1] + 2_000_000
    assert [fault for fault in phone.console_faults() if not any(part in fault for part in EXPECTED_FAULTS)] == []


def test_labelled_minutes_of_the_page_are_in_the_training_table(enrolling, phone):
    system, _ = enrolling
    phone.start()
    labelled = {}
    for activity, move in (("walk", phone.shake), ("sit", time.sleep)):
        phone.click_at(f"[data-activity={activity}]")
        begin = phone.recorded()[-1][1]
        move(12)
        labelled[activity] = begin + 500_000, phone.recorded()[-1][1] - 500_000
    phone.click("start")  # stops the recording
    phone.wait_until_all_is_sent()
    phone.wait(lambda: phone.state()["labelsWaiting"] == 0)
    recorded = phone.recorded()

    expected = {reading[1] for reading in recorded if reading[0] == recorded[-1][0]}

    def complete_table() -> dict[int, str] | None:
        """Return the labels of the session's readings by time; None while some are missing."""
        found = {}
        for part in find_source(system.folder / "archive").parts():
            table = part.table
            rows = table.filter(table["session"].cast("string").to_numpy(zero_copy_only=False) == recorded[-1][0])
            for label, time_us in zip(rows["gt"].to_pylist(), rows["t"].to_pylist(), strict=True):
                found[time_us] = label
        return found if expected <= found.keys() and set(labelled) <= set(found.values()) else None

    table = wait_for(complete_table, "all readings and labels in the training table", 60, every=CHECK_SECONDS)
    assert expected == table.keys()
    for activity, (begin, end) in labelled.items():
        inside = {label for moment, label in table.items() if begin <= moment <= end}
        assert inside == {activity}


def test_private_mode_sends_predictions_and_no_readings(enrolling, phone):
    system, _ = enrolling
    phone.click("private")
    phone.start()
    phone.shake(12)
    phone.wait(lambda: phone.state()["waitingActivities"] == 0)
    session = phone.recorded()[-1][0]

    def reported():
        found = of_device(system, topics.PREDICTIONS, decode_prediction)
        return [prediction for prediction in found if prediction.session == session]

    wait_for(lambda: len(reported()) >= 5, "five reported predictions", SETTLE_SECONDS, every=CHECK_SECONDS)
    assert {prediction.made_on for prediction in reported()} == {"device"}
    assert session not in {batch.session for batch in of_device(system, topics.SAMPLES, decode_batch)}


def test_a_revoked_phone_is_notified_and_stops(enrolling, phone):
    _, registry = enrolling
    phone.start()
    phone.wait(lambda: phone.state()["accepted"] > 0)
    registry.revoke(DEVICE)
    phone.wait(lambda: not phone.state()["isRecording"])
    assert "revoked" in phone.text("notices")
