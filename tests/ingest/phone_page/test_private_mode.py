"""Classification on the phone: in addition to the server's, and instead of it in private mode."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from har.background import Background, BackgroundKind
from har.decisions import no_opinion
from har.gateway_messages import ServerPrediction
from har.predictions import Prediction
from har.process.clock import now_us
from har.signal_quality import SignalBounds
from har.upright import Reference, UprightRule
from har.windowing import WindowValues, recording_windows
from model_store.onnx_classifier import OnnxClassifier
from model_store.release_folder import open_release
from tests.ingest.phone_page.phone_in_browser import assert_all_arrived, columns_of
from tests.model_store.made_store import MadeStore

#: Bounds that the readings of any busy machine keep, unless all of a window are equal.
FEW_READINGS = SignalBounds(1.5, 900_000, 900_000, 1.0, 30.0)
#: Lets 7 or 8 of 60 readings per second reach the page.
ONE_OF_EIGHT_READINGS = """
let count = 0;
addEventListener('devicemotion', (event) => { if ((count++) % 8) event.stopImmediatePropagation(); });
"""
#: Lets a reading reach the page every 1.5 s or later: windows end at pauses of more than 1 s.
RARE_READINGS = """
let last = 0;
addEventListener('devicemotion', (event) => {
  if (event.timeStamp - last < 1500) event.stopImmediatePropagation();
  else last = event.timeStamp;
});
"""


@pytest.fixture
def store(page_gateway: Any, tmp_path: Path) -> Iterator[MadeStore]:
    """A store with a release, served by the gateway. It classifies few readings, too: the machine may be busy."""
    made = MadeStore.make(tmp_path)
    made.publish_changed("walker-1", signal_bounds=FEW_READINGS)
    folder = Path(made.storage.url)
    (folder / "trusted_root.json").write_bytes(made.root)
    page_gateway.store = folder
    yield made


def switch(phone: Any, identifier: str) -> None:
    phone.click_at(f".switch:has(#{identifier})")


def test_in_private_mode_activities_are_sent_and_no_reading(phone: Any, page_gateway: Any, store: MadeStore) -> None:
    phone.allow_service_workers()
    phone.enrol()
    phone.start()
    phone.wait(lambda: phone.state()["accepted"] >= 2)
    before = phone.state()["session"]
    switch(phone, "private")
    phone.wait(lambda: phone.state()["isPrivate"])
    phone.wait(lambda: phone.state()["session"] != before)
    private = phone.state()["session"]
    assert "Compares" not in phone.text("classifies-hint"), "the server has nothing to compare with"
    phone.shake_until(lambda: len(page_gateway.reports) >= 3)
    assert {report.session for report in page_gateway.reports} == {private}
    assert private not in {batch.session for batch in page_gateway.batches}
    stored = phone.asynchronously(
        "const { openDatabase } = await import('/phone/sending/database.js');"
        "return (await (await openDatabase()).getAll('samples')).filter(({ session }) => session === args[0]).length",
        private,
    )
    assert stored == 0, "readings are not even stored"
    assert [report.sequence for report in page_gateway.reports] == list(range(len(page_gateway.reports)))
    phone.click("start")
    phone.wait(lambda: phone.state()["waitingActivities"] == 0)
    windows = {window.start: window for report in page_gateway.reports for window in report.windows}
    times, axes = columns_of([reading for reading in phone.recorded() if reading[0] == private])
    network = OnnxClassifier.open("baseline")
    expected = cut(times, axes)
    assert set(windows) <= set(expected)
    assert len(windows) >= len(expected) - 1, "the last reading may complete one more"
    for start, window in windows.items():
        assert window.reason == FEW_READINGS.reason(expected[start].quality)
        probabilities = network.probabilities(expected[start].values[None])[0]
        if window.reason is not None:
            probabilities = np.array([*no_opinion(network.manifest.classes).values()])
        assert list(dict(sorted(window.probabilities.items())).values()) == pytest.approx(
            [probabilities[network.manifest.classes.index(name)] for name in sorted(window.probabilities)], abs=1e-5
        )
        assert window.release == "walker-1"
        assert window.end - window.start == 4_000_000


def cut(times: np.ndarray, axes: np.ndarray) -> dict[int, WindowValues]:
    return {window.start: window for window in recording_windows(times, axes)}


def test_reports_wait_without_a_gateway(phone: Any, page_gateway: Any, store: MadeStore) -> None:
    phone.enrol()
    switch(phone, "private")
    phone.wait(lambda: phone.state()["isPrivate"])
    page_gateway.stop()
    phone.start()
    phone.wait(lambda: phone.state()["waitingActivities"] >= 2)
    phone.click("start")
    waiting = phone.state()["waitingActivities"]
    page_gateway.start()
    phone.wait(lambda: phone.state()["waitingActivities"] == 0, 40)
    assert len(page_gateway.reports) >= waiting
    assert page_gateway.batches == []


def test_private_mode_holds_unsent_readings_back(phone: Any, page_gateway: Any, store: MadeStore) -> None:
    phone.enrol()
    phone.start()
    page_gateway.holds = True
    phone.wait(lambda: len(page_gateway.held) >= 2)
    phone.click("start")
    phone.wait(lambda: not phone.state()["isRecording"])
    switch(phone, "private")
    phone.wait_for_text("private-hint", "kept here")
    page_gateway.abort_connections()
    page_gateway.release_held()
    phone.start()
    phone.wait(lambda: len(page_gateway.reports) >= 1)
    held_back = {batch.session for batch in page_gateway.batches}
    assert phone.recorded()[0][0] not in held_back
    phone.click("start")
    switch(phone, "private")
    phone.wait_until_all_is_sent()
    first = phone.recorded()[0][0]
    assert_all_arrived([reading for reading in phone.recorded() if reading[0] == first], page_gateway.batches)


def test_without_a_release_private_mode_does_not_begin_and_shows_the_reason(
    phone: Any, page_gateway: Any, tmp_path: Path
) -> None:
    page_gateway.store = tmp_path
    phone.enrol()
    phone.start()
    switch(phone, "private")
    phone.wait(lambda: "update rejected" in phone.text("phone-prediction"))
    assert not phone.state()["isPrivate"]
    assert not phone.evaluate("document.getElementById('private').checked")
    accepted = phone.state()["accepted"]
    phone.wait(lambda: phone.state()["accepted"] > accepted)


def test_without_the_store_the_last_good_release_classifies(phone: Any, page_gateway: Any, store: MadeStore) -> None:
    phone.allow_service_workers()
    phone.enrol()
    switch(phone, "private")
    phone.wait(lambda: phone.state()["isPrivate"])
    page_gateway.store = Path("/nonexistent")
    phone.open()
    assert phone.state()["isPrivate"], "the setting outlives a reload"
    phone.start()
    phone.wait(lambda: len(page_gateway.reports) >= 1)
    assert page_gateway.reports[0].windows[0].release == "walker-1"
    phone.wait(
        lambda: "walker-1" in phone.text("phone-prediction") and "update rejected" in phone.text("phone-prediction")
    )


def test_both_predictions_are_shown_and_compared_by_window(phone: Any, page_gateway: Any, store: MadeStore) -> None:
    phone.enrol()
    switch(phone, "classifies")
    phone.wait(lambda: phone.state()["release"] == "walker-1")
    phone.start()
    phone.shake(5.0)  # a sensor that shows the same value all the time tells nothing
    phone.wait(lambda: "%" in phone.text("phone-prediction"))
    phone.wait(lambda: phone.state()["milliseconds"] is not None)
    times, axes = columns_of(phone.recorded())
    network = OnnxClassifier.open("baseline")
    windows = cut(times, axes)
    start = min(windows)
    probabilities = network.probabilities(windows[start].values[None])[0]
    manifest = msgspec.structs.replace(network.manifest, release="walker-1")
    session, arrived = phone.state()["session"], start + 4_100_000
    # As the server does it: a class that is not probable enough is "unknown".
    prediction = msgspec.to_builtins(
        Prediction.of_window(manifest, page_gateway.device, session, start, probabilities, arrived)
    )
    page_gateway.send({"type": "prediction", "prediction": prediction})
    page_gateway.send({"type": "prediction", "prediction": prediction})
    phone.wait_for_text("agreement", "Both agree on 1 of 1 windows.")
    assert "walker-1" in phone.text("server-prediction")
    assert "after the window" in phone.text("server-prediction")
    other = {**prediction, "start": start + 1_000_000, "end": start + 5_000_000, "activity": "bike", "release": "other"}
    page_gateway.send({"type": "prediction", "prediction": other})
    phone.wait_for_text("agreement", "Both agree on 1 of 2 windows. They run different releases.")
    assert "Cycling" in phone.text("server-prediction")
    phone.click("start")
    phone.wait_until_all_is_sent()
    assert_all_arrived(phone.recorded(), page_gateway.batches)
    phone.browser.execute_script("const now = performance.now(); performance.now = () => now + 20_000")
    for prediction_of in ("server-prediction", "phone-prediction"):
        phone.wait_for_text(prediction_of, "s ago")


def test_a_phone_that_measures_too_rarely_is_told_so(phone: Any, page_gateway: Any, store: MadeStore) -> None:
    store.publish("walker-2")  # with the default bounds
    phone.before_each_page(ONE_OF_EIGHT_READINGS)
    phone.enrol()
    switch(phone, "private")
    phone.wait(lambda: phone.state()["isPrivate"] and phone.state()["release"] == "walker-2")
    phone.start()
    phone.shake(6.0)
    phone.wait_for_text("phone-prediction", "The phone measures too rarely.")
    assert "Unknown" in phone.text("phone-prediction") and "%" not in phone.text("phone-prediction")
    assert "Switch off power saving" in phone.text("signal-advice")
    phone.wait(lambda: len(page_gateway.reports) >= 2)
    windows = [window for report in page_gateway.reports for window in report.windows]
    even = no_opinion(OnnxClassifier.open("baseline").manifest.classes)
    assert {(window.activity, window.reason) for window in windows} == {("unknown", "sparse")}
    assert all(window.probabilities == even for window in windows)
    assert phone.state()["milliseconds"] is None, "the network was not asked"
    assert not page_gateway.batches
    switch(phone, "private")
    phone.wait(lambda: not phone.state()["isPrivate"])
    explained_by_the_server(phone, page_gateway, windows[-1].end)


def explained_by_the_server(phone: Any, page_gateway: Any, end: int) -> None:
    """Assert that the page explains the server's reasons, also one that it does not know."""
    for number, (reason, text) in enumerate(
        {"clock": "several readings have the same time.", "magnetised": "The reason is “magnetised”."}.items(), 1
    ):
        start = end + number * 1_000_000
        page_gateway.send(
            {
                "type": "prediction",
                "prediction": {
                    "device": page_gateway.device,
                    "session": phone.state()["session"],
                    "start": start,
                    "end": start + 4_000_000,
                    "activity": "unknown",
                    "confidence": 0.8,
                    "probabilities": {},
                    "release": "walker-2",
                    "arrived": start + 4_100_000,
                    "reason": reason,
                },
            }
        )
        phone.wait_for_text("server-prediction", text)
        assert "Unknown" in phone.text("server-prediction") and "%" not in phone.text("server-prediction")


def test_a_phone_that_measures_so_rarely_that_there_is_no_window_is_told_so(phone: Any, page_gateway: Any) -> None:
    phone.before_each_page(RARE_READINGS)
    phone.enrol()
    phone.start()
    phone.wait_for_text("signal-advice", "The phone measures too rarely. Switch off power saving")
    phone.wait(lambda: len(page_gateway.batches) >= 2)
    assert "No prediction yet" in phone.text("server-prediction")


def test_a_gateway_without_a_store_offers_no_classification(phone: Any) -> None:
    phone.enrol()
    phone.wait(lambda: phone.browser.find_element("id", "settings").is_displayed())
    assert not phone.browser.find_element("id", "private").is_enabled()
    assert not phone.browser.find_element("id", "classifies").is_enabled()
    assert "offers none" in phone.text("private-hint")
    assert "offers none" in phone.text("classifies-hint")


def test_the_page_names_the_kind_of_background_that_the_phone_or_the_server_predicts(
    phone: Any, page_gateway: Any, store: MadeStore
) -> None:
    def shown(side: str) -> str:
        return str(phone.evaluate(f"document.querySelector('#{side}-prediction .activity').textContent"))

    shipped = open_release("baseline").manifest
    titles = {kind: f"{kind} or the like" for kind in shipped.kinds}
    background = Background([BackgroundKind(kind, title) for kind, title in titles.items()], 0.0, 0.0)
    store.publish_changed("desk-1", signal_bounds=FEW_READINGS, background=background)
    phone.enrol()
    phone.start()
    end = now_us()
    of_server = Prediction("phone", "s", end - 4 * 10**6, end, "unknown", 0.9, {"sit": 0.1}, "r", end, kind="vehicle")
    page_gateway.send(msgspec.to_builtins(ServerPrediction(of_server, "in a vehicle")))
    phone.wait(lambda: shown("server") == "Unknown – perhaps in a vehicle")
    assert "%" not in phone.text("server-prediction")
    switch(phone, "private")
    phone.wait(lambda: phone.state()["isPrivate"])
    phone.shake_until(lambda: page_gateway.reports)
    kinds = {window.kind for report in page_gateway.reports for window in report.windows}
    assert kinds and kinds <= titles.keys(), "with these thresholds, every window is background of some kind"
    phone.shake_until(lambda: shown("phone") in {f"Unknown – perhaps {title}" for title in titles.values()})


def test_the_wearer_is_told_to_walk_until_the_server_or_the_phone_knows_upright(
    phone: Any, page_gateway: Any, store: MadeStore
) -> None:
    walk = "Walk a few steps, so that sitting and standing are told apart."
    # Learns from any window of a phone that is shaken, and needs more of them than the test waits for.
    rule = UprightRule(needed=90, most_weight=90, least_walk=1e-6, agreement=1e-6)
    store.publish_changed("learns-1", signal_bounds=FEW_READINGS, upright=rule)
    phone.enrol()
    phone.start()
    end = now_us()
    for second, (learned, words) in enumerate(
        (
            ({"others": 4}, f"{walk} Learned from 4 windows of walking so far."),
            ({"windows": 12}, "Knows how you carry the phone."),
        )
    ):
        start = end + second * 10**6 - 4 * 10**6
        reference = Reference(**learned, latest_us=start)
        of_server = Prediction(
            *("phone", "s", start, start + 4 * 10**6, "walk", 0.9, {"walk": 0.9}, "r", end), reference=reference
        )
        page_gateway.send(msgspec.to_builtins(ServerPrediction(of_server)))
        phone.wait(lambda words=words: phone.text("upright").strip() == words)
    switch(phone, "private")
    phone.wait(lambda: phone.state()["isPrivate"] and phone.state()["release"] == "learns-1")
    phone.shake_until(
        lambda: re.search(f"{walk} Learned from [1-9][0-9]? of 90 windows of walking so far.", phone.text("upright"))
    )
