import json
import threading
import time
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from kafka import KafkaProducer

from deploy.audit.auditing import audit
from deploy.audit.findings import Example
from deploy.audit.sources import Journals
from deploy.audit.text import describe
from deploy.cli import main
from har import topics
from har.binary_samples import encode_batch
from har.personal_head import PersonalHead
from har.predictions import Prediction, encode_prediction
from har.rejections import Rejection
from har.samples import SampleBatch
from har.session_references import judged_in_order
from har.upright import NO_REFERENCE
from har.windowing import WindowSpec, recording_windows
from ingest.senders.journal import Journal
from model_store.onnx_classifier import OnnxClassifier
from tests.batches import live_batches
from tests.brokers import on_one_broker
from tests.model_store.personal_store import head_of

SECOND = 1_000_000
LENGTH = WindowSpec().length_us


@pytest.fixture(autouse=True)
def _keep_logging(monkeypatch):
    """Let `main` leave the logging of this process unchanged."""
    monkeypatch.setattr("logging.config.dictConfig", lambda _: None)


def counts(found) -> dict[str, int]:
    return {name: finding.count for name, finding in found.faults.items() if finding.count}


def test_batches_acknowledged_during_the_audit_are_not_expected(tmp_path):
    first, second = live_batches(2)
    with Journal(tmp_path, "phone-1", "s1") as journal:
        journal.write(first, np.full(len(first), "walk"))
        journals = Journals(tmp_path)
        journal.write(second, np.full(len(second), "walk"))
    assert [*journals.acknowledged("phone-1")["s1"]] == [0]
    assert journals.acknowledged("phone-2") == {}


class Stream:
    """Writes batches of two phones, and the right predictions, to a broker on request."""

    def __init__(self, broker, journals) -> None:
        self.bootstrap, self.kafka = broker.bootstrap, broker.kafka
        self.journals = journals
        self._producer = KafkaProducer(bootstrap_servers=[broker.bootstrap])
        self._network = OnnxClassifier.open("baseline")
        self.batches = {name: live_batches(14, device=name) for name in ("phone-1", "phone-2")}
        self.predictions = {name: self.classify(batches) for name, batches in self.batches.items()}

    def publish(self, topic, device: str, value: bytes, headers=()) -> int:
        sent = self._producer.send(topic.name, key=device.encode(), value=value, headers=list(headers))
        record = sent.get(10)
        self.last_origin = f"{record.topic}/{record.partition}/{record.offset}"
        return record.offset

    def store(self, batch: SampleBatch) -> None:
        self.publish(topics.SAMPLES, batch.device, encode_batch(batch))

    def acknowledge(self, batch: SampleBatch) -> None:
        with Journal(self.journals, batch.device, batch.session) as journal:
            journal.write(batch, np.full(len(batch), "walk"))

    def predict(self, prediction: Prediction) -> None:
        self.publish(topics.PREDICTIONS, prediction.device, encode_prediction(prediction))

    def classify(self, batches, head: PersonalHead | None = None) -> list[Prediction]:
        windows = recording_windows(
            np.concatenate([batch.times for batch in batches]), np.concatenate([batch.axes for batch in batches])
        )
        device, session = batches[0].device, batches[0].session
        rows = self._network.probabilities(windows.values)
        manifest = self._network.manifest
        alone = [
            Prediction.of_window(
                *(manifest, device, session, start, row, time.time_ns() // 1000), head=head, values=values
            )
            for start, row, values in zip(windows.starts.tolist(), rows, windows.values, strict=True)
        ]
        return judged_in_order(zip(alone, windows.values, strict=True), manifest, NO_REFERENCE)[0]

    def audit(self, *, with_journals: bool = True, wait_seconds: float = 0.0, **more):
        journals = self.journals if with_journals else None
        return audit(self.kafka, journals=journals, wait_seconds=wait_seconds, **more)


@pytest.fixture
def stream(broker, tmp_path) -> Stream:
    """All that the two phones sent is acknowledged, stored and rightly answered."""
    prepared = Stream(broker, tmp_path / "journals")
    for name in prepared.batches:
        for batch in prepared.batches[name]:
            prepared.store(batch)
            prepared.acknowledge(batch)
        for prediction in prepared.predictions[name]:
            prepared.predict(prediction)
    return prepared


@on_one_broker
@pytest.mark.slow
def test_a_processor_that_catches_up_is_given_its_time(broker, tmp_path):
    stream = Stream(broker, tmp_path / "journals")
    for batch in stream.batches["phone-1"]:
        stream.store(batch)
        stream.acknowledge(batch)
    late, pause_seconds, wait_seconds = stream.predictions["phone-1"], 0.5, 2
    begun, stop = threading.Event(), threading.Event()

    def predict_slowly() -> None:
        begun.wait()
        for prediction in late:
            if stop.wait(pause_seconds):
                return
            stream.predict(prediction)

    processor = threading.Thread(target=predict_slowly)
    processor.start()
    try:
        found = stream.audit(wait_seconds=wait_seconds, report=lambda *_: begun.set())
    finally:
        stop.set()
        begun.set()
        processor.join()
    assert len(late) * pause_seconds > 2 * wait_seconds
    assert found.is_clean, describe(found)


@pytest.mark.slow
def test_a_correct_stream_is_clean_and_each_fault_is_reported(stream, capsys):
    everything = sum(map(len, stream.predictions.values()))
    found = stream.audit(with_journals=False)
    assert found.is_clean, describe(found)
    assert found.windows_expected == found.windows_compared == everything > 15
    assert found.batches_stored == 28

    first, *_, last = stream.predictions["phone-1"]
    stream.predict(last)
    stream.store(stream.batches["phone-1"][3])
    called = ["audit", "--bootstrap", stream.bootstrap, "--journals", str(stream.journals), "--wait-seconds", "0"]
    assert main(called) == 0
    text = capsys.readouterr().out
    assert "28 batches acknowledged" in text
    assert "1 repeated messages" in text
    assert "1 repeated predictions" in text
    assert text.endswith("clean: nothing was lost, invented, changed or reordered\n")

    stream.predict(msgspec.structs.replace(first, confidence=0.123))
    assert counts(stream.audit()) == {"windows differing": 1, "windows contradicted": 1}

    stream.predict(first)
    stream.predict(msgspec.structs.replace(first, start=last.start + 9 * SECOND, end=0))
    stream.predict(msgspec.structs.replace(first, start=first.start - SECOND, end=0))
    stream.publish(topics.PREDICTIONS, "phone-1", b"nonsense")
    assert main([*called, "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["is_clean"] is False
    assert printed["differing"]["count"] == 0
    assert printed["undecodable"] == printed["out_of_order"]["count"] == printed["contradicted"]["count"] == 1
    assert [e["start"] for e in printed["extra"]["examples"]] == [first.start - SECOND, last.start + 9 * SECOND]


@pytest.mark.slow
def test_a_prediction_that_was_not_made_is_missing_until_it_comes(broker, tmp_path):
    stream = Stream(broker, tmp_path)
    for batch in stream.batches["phone-1"]:
        stream.store(batch)
    *made, held_back = stream.predictions["phone-1"]
    for prediction in made:
        stream.predict(prediction)
    found = stream.audit(with_journals=False)
    assert counts(found) == {"windows missing": 1}
    assert found.missing.examples[0].start == held_back.start
    stream.predict(held_back)
    assert stream.audit(with_journals=False, wait_seconds=30).is_clean


def test_batches_between_journal_and_log_are_lost_doubtful_or_rejected(stream):
    lost, changed, unknown = live_batches(3, device="phone-3")
    stream.acknowledge(lost)
    stream.acknowledge(changed)
    stream.store(replace(changed, axes=changed.axes + 1))
    stream.store(unknown)
    found = stream.audit()
    assert counts(found) == {"batches lost": 2}
    assert [(e.device, e.sequence) for e in found.lost_batches.examples] == [("phone-3", 0), ("phone-3", 1)]
    assert found.batches_unacknowledged == 2


def test_windows_of_batches_that_nobody_acknowledged_are_allowed(broker, tmp_path):
    stream = Stream(broker, tmp_path)
    batches, answers = stream.batches["phone-1"], stream.predictions["phone-1"]
    for number, batch in enumerate(batches):
        stream.store(batch)
        if number < 10:
            stream.acknowledge(batch)
    for prediction in answers:
        stream.predict(prediction)
    found = stream.audit()
    assert found.is_clean, describe(found)
    assert (found.batches_unacknowledged, found.windows_allowed) == (4, 4)
    assert found.windows_expected == len(answers) - 4


@pytest.mark.slow
@pytest.mark.parametrize(("code", "is_founded"), [("too_slow", True), ("internal", False), ("late", False)])
def test_windows_of_a_rejected_batch_are_not_expected(broker, tmp_path, code, is_founded):
    stream = Stream(broker, tmp_path)
    batches = stream.batches["phone-1"]
    origin = ""
    for number, batch in enumerate(batches):
        stream.store(batch)
        stream.acknowledge(batch)
        origin = stream.last_origin if number == 6 else origin
    for prediction in stream.classify(batches[:6]) + stream.classify(batches[7:]):
        stream.predict(prediction)
    assert stream.audit().missing.count > 3
    rejection = Rejection(encode_batch(batches[6]), code, "a reason", "processor", "phone-1", origin)
    stream.publish(topics.REJECTED, "phone-1", rejection.value, rejection.headers)
    found = stream.audit()
    assert found.rejected == {code: 1}
    assert counts(found) == ({} if is_founded else {"batches rejected wrongly": 1})
    assert is_founded or found.wrongly_rejected.examples == [Example("phone-1", "s1", sequence=6, detail=code)]


def test_only_the_latest_part_of_a_log_can_be_audited(stream, monkeypatch):
    time.sleep(0.1)
    began = time.time_ns()
    time.sleep(0.1)
    batches = live_batches(14, device="phone-3")
    for batch in batches:
        stream.store(batch)
    *made, _ = stream.classify(batches)
    for prediction in made:
        stream.predict(prediction)
    # For the audit's clock, 1.2 s have passed, however long the test took.
    monkeypatch.setattr("deploy.audit.auditing.now_us", lambda: began // 1_000 + 1_200_000)
    found = stream.audit(with_journals=False, since_seconds=1.2)
    assert counts(found) == {"windows missing": 1}
    assert found.sessions == 1
    assert found.windows_before_log == sum(map(len, stream.predictions.values()))


@on_one_broker
def test_an_audit_without_a_batch_has_no_result(broker, capsys):
    words = ["audit", "--bootstrap", broker.bootstrap, "--wait-seconds", "0"]
    assert main(words) == 2
    captured = capsys.readouterr()
    assert "there is no batch to audit" in captured.err
    assert captured.out.endswith("no result: there is no batch to audit\n")  # and not "clean"
    assert main([*words, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["is_clean"] is False


def test_a_damaged_journal_is_named(tmp_path, capsys):
    (tmp_path / "phone-1.s1.journal").write_bytes((8).to_bytes(4, "little") + b"\xc1nonsense")
    assert main(["audit", "--journals", str(tmp_path)]) == 2
    assert "phone-1.s1.journal is not a journal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bootstrap", "127.0.0.1:1"], "cannot reach Kafka with PLAINTEXT: 127.0.0.1:1: nothing listens there"),
        (["--journals", "/no/such/folder"], "/no/such/folder"),
        (["--journals", "deploy/audit"], "no journal"),
        (["--release", "/no/release"], "no release at"),
        (["--journals", "x", "--since-seconds", "5"], "without journals"),
        (["--tolerance", "-1"], "--tolerance"),
    ],
)
def test_an_audit_that_cannot_be_done_reports_why(words, message, capsys):
    assert main(["audit", *words]) == 2
    assert message in capsys.readouterr().err


@on_one_broker
def test_windows_that_personal_heads_corrected_are_computed_with_the_heads_of_the_store(broker, tmp_path):
    stream = Stream(broker, tmp_path / "journals")
    batches = stream.batches["phone-1"]
    for batch in batches:
        stream.store(batch)
    times, axes = (np.concatenate([getattr(batch, name) for batch in batches]) for name in ("times", "axes"))
    values = recording_windows(times, axes).values
    up = values.mean(axis=(0, 1))
    release = stream.predictions["phone-1"][0].release
    head = head_of("phone-1", release, number=5, directions=[tuple((up / np.linalg.norm(up)).tolist())])
    head = msgspec.structs.replace(head, offsets=[1.0, *head.offsets[1:]])
    for corrected in stream.classify(batches, head):
        stream.predict(corrected)
    found = stream.audit(with_journals=False, heads=lambda: {"phone-1": [head]})
    assert found.is_clean, describe(found)
    assert found.windows_with_head == len(values) > 5
    found = stream.audit(with_journals=False, heads=lambda: {"phone-1": [msgspec.structs.replace(head, number=6)]})
    assert found.is_clean
    assert found.head_unknown.count == len(values)
