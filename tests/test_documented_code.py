"""The code blocks of the documents run, and their messages are those of the code."""

import asyncio
import json
import re
from pathlib import Path
from unittest.mock import create_autospec

import kafka
import numpy as np
import pytest

from deploy.kafka import cluster
from har import topics
from har.activity_reports import decode_report, encode_report
from har.gateway_messages import Accepted, Clock, ClockQuestion, Rejected, Waiting, decode_message, decode_question
from har.gateway_messages import encode_message as encode_gateway_message
from har.json_samples import decode_json_batch
from har.labels import decode_label, encode_label
from har.predictions import decode_prediction, encode_prediction
from har.windowing import recording_windows
from ingest.senders import phone_client
from model_store.onnx_classifier import OnnxClassifier
from recording_files import find_source
from tests.batches import live_batches
from tests.brokers import on_one_broker
from tests.documents import DOCUMENTS, PLACEHOLDER, code_blocks
from tests.ingest.gateway.running_gateway import arrived, gateway_on
from tests.model_store.made_store import MadeStore
from tests.model_store.served_store import served

#: The documents with Python, and the number of their blocks. The tests of this file run them, except freezing's
#: (`tests/trainer/releases/test_writing.py`) and MLflow's (`tests/classify/export/test_export.py`).
PYTHON = {
    "README.md": 1,
    "docs/api.md": 6,
    "docs/data.md": 1,
    "docs/edge.md": 1,
    "docs/freezing.md": 4,
    "docs/kafka.md": 1,
}
PYTHON |= {"docs/phones.md": 1}
GRACE_US = 2_000_000


class EnoughError(Exception):
    """Ends a block that runs until it is interrupted."""


def test_every_python_block_has_a_test():
    assert {document: len(found) for document in DOCUMENTS if (found := code_blocks(document, "python"))} == PYTHON


def test_only_the_documented_messages_are_json():
    assert [document for document in DOCUMENTS if code_blocks(document, "json")] == ["docs/messages.md"]


def test_the_windows_of_a_recording_have_the_documented_shape():
    block = code_blocks("docs/api.md", "python")[3]
    found = {}
    exec(block, found)
    [shape] = re.findall(r"windows\.values\.shape  # \((.+)\)", block)
    assert found["windows"].values.shape == tuple(map(int, shape.split(", ")))


@pytest.mark.parametrize(
    ("document", "block", "columns", "file", "printed"),
    [
        ("README.md", 0, "t,x,y,z", "walk.csv", "start activity confidence"),
        ("docs/api.md", 0, "t,x,y,z", "walk.csv", "start activity confidence"),
        ("docs/api.md", 1, "when,a,b,c", "export.csv", ""),
        ("docs/api.md", 2, "t,x,y,z,activity", "labelled.csv", "precision recall f1-score support walk accuracy"),
    ],
)
def test_a_recording_is_classified_in_python(tmp_path, monkeypatch, capsys, document, block, columns, file, printed):
    monkeypatch.chdir(tmp_path)
    scale = 9.80665 if columns.startswith("when") else 1
    axes = np.random.default_rng(1).normal([0, 9.8, 0], 2, (600, 3)) / scale
    rows = [f"{number * 20},{x:.4f},{y:.4f},{z:.4f},Walking" for number, (x, y, z) in enumerate(axes)]
    width = columns.count(",") + 1
    Path(file).write_text("\n".join([columns, *(",".join(row.split(",")[:width]) for row in rows), ""]))
    found = {}
    exec(code_blocks(document, "python")[block], found)
    assert {*printed.split()} <= {*capsys.readouterr().out.split()}
    assert block != 1 or set(found["answers"]["activity"]) <= {*found["model"].classes, "unknown"}


@on_one_broker
def test_predictions_are_read_from_kafka(broker):
    message, _ = message_of(5)
    producer = kafka.KafkaProducer(bootstrap_servers=[broker.bootstrap])
    producer.send(topics.PREDICTIONS.name, key=b"my-phone", value=message).get(10)
    producer.close()
    consumers = []

    def from_the_beginning(topic, bootstrap_servers):
        consumer = kafka.KafkaConsumer(topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
        consumers.append((bootstrap_servers, consumer))
        return consumer

    printed = []

    def print_once(*values):
        printed.append(values)
        raise EnoughError

    block = code_blocks("docs/api.md", "python")[5].replace("from kafka import KafkaConsumer\n", "")
    try:
        with pytest.raises(EnoughError):
            exec(block, {"KafkaConsumer": from_the_beginning, "print": print_once})
    finally:
        for _, consumer in consumers:
            consumer.close()
    assert [bootstrap for bootstrap, _ in consumers] == ["127.0.0.1:9092"]
    assert printed == [("my-phone", "sit", 0.87)]


def test_an_edge_client_predicts_what_the_release_predicts(tmp_path, monkeypatch):
    store = MadeStore.make(tmp_path)
    store.publish("one")
    monkeypatch.chdir(tmp_path)
    Path("trusted_root.json").write_bytes(store.root)
    batches = live_batches(10)
    times, axes = (np.concatenate([getattr(batch, name) for batch in batches]) for name in ("times", "axes"))
    printed = []
    [block] = code_blocks("docs/edge.md", "python")
    with served(Path(store.storage.url)) as server:
        address = "https://models.example.org"
        assert address in block
        names = {"times_us": times, "axes": axes, "print": lambda *values: printed.append(values)}
        exec(block.replace(address, server.url), names)
    windows = recording_windows(times, axes)
    network = OnnxClassifier.open("baseline")
    classes = np.array([*network.manifest.classes])
    probabilities = network.probabilities(windows.values)
    assert len(printed) == len(windows.values)
    known = [(made, row) for made, row in zip(printed, probabilities, strict=True) if made[0] != "unknown"]
    assert [made[0] for made, _ in known] == [classes[row.argmax()] for _, row in known]
    assert [made[1] for made, _ in known] == pytest.approx([row.max() for _, row in known], abs=1e-4)


@on_one_broker
async def test_a_phone_client_streams_readings(broker):
    batches = live_batches(4)

    async def readings():
        for batch in batches:
            yield batch.times, batch.axes

    names = {}
    [block] = code_blocks("docs/phones.md", "python")
    async with gateway_on(broker) as address:
        assert "127.0.0.1:8600" in block
        exec(block.replace("127.0.0.1:8600", address), names)
        assert names["PhoneClient"] is phone_client.PhoneClient
        await asyncio.wait_for(names["stream"](readings()), 30)
    sent = np.concatenate([batch.axes for batch in batches])
    assert np.concatenate([batch.axes for batch in arrived(broker, 4)]).tobytes() == sent.tobytes()


def test_a_kafka_cluster_has_the_documented_methods(monkeypatch):
    # tests/deploy/test_kafka_cluster.py does the same to three real brokers.
    made = create_autospec(cluster.KafkaCluster)
    running = made.return_value.__enter__.return_value = create_autospec(cluster.KafkaCluster, instance=True)
    monkeypatch.setattr(cluster, "KafkaCluster", made)
    [block] = code_blocks("docs/kafka.md", "python")
    exec(block, {})
    made.assert_called_once_with(Path("somewhere"), brokers=3)
    running.kill.assert_called_once_with(2)
    running.wait_until_ready.assert_called_once_with()
    [also] = re.findall(r"# also: (.+)", block)
    assert [name for name in also.split(", ") if not hasattr(cluster.KafkaCluster, name)] == []


def test_a_table_with_provenance_and_rate_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    count = 500
    columns = {name: [name] * count for name in ("user", "device", "model", "session")}
    columns |= {"t": np.arange(count) / 100, "gt": ["walk"] * count}
    columns |= dict(zip("xyz", np.random.default_rng(0).normal([0, 0, 9.8], 1, (count, 3)).T, strict=True))
    [block] = code_blocks("docs/data.md", "python")
    completed, number = re.subn(rf'"(\w+)": {PLACEHOLDER}', r'"\1": made["\1"]', block)
    assert number == len(columns)
    exec(completed, {"made": columns})
    source = find_source("walks.parquet")
    assert source.rate_hz == 100
    [provenance] = source.provenance()
    assert (provenance.name, provenance.licence, provenance.source) == ("Our walks", "CC BY 4.0", "our lab, 2026")


def test_a_batch_of_readings_is_a_json_batch():
    message, document = message_of(0)
    batch = decode_json_batch(message, grace_us=GRACE_US)
    assert (batch.device, batch.session, batch.sequence) == ("my-phone", "s1", 0)
    assert batch.times.tolist() == document["t"]
    assert batch.axes.T.tolist() == np.float32([document[axis] for axis in "xyz"]).tolist()


def test_the_gateways_answers_are_its_messages():
    decoded = [decode_message(json.dumps(document)) for document in messages(1)]
    assert [type(message) for message in decoded] == [Accepted, Rejected, Waiting]
    assert [json.loads(encode_gateway_message(message)) for message in decoded] == messages(1)


def test_clock_and_predictions_are_gateway_messages():
    question, clock, prediction = messages(2)
    assert decode_question(json.dumps(question)) == ClockQuestion(question["sent"])
    assert decode_message(json.dumps(clock)) == Clock(clock["sent"], clock["received"])
    assert PLACEHOLDER in code_blocks("docs/messages.md", "json")[2]
    completed = {**prediction, "prediction": messages(5)[0] | prediction["prediction"]}
    decoded = decode_message(json.dumps(completed))
    assert json.loads(encode_gateway_message(decoded)) == completed


@pytest.mark.parametrize(
    ("block", "decode", "encode"),
    [
        (3, decode_label, encode_label),
        (4, decode_report, lambda report: encode_report(*_parts_of_report(report))),
        (5, decode_prediction, encode_prediction),
    ],
    ids=["label", "report", "prediction"],
)
def test_documented_messages_have_all_their_fields(block, decode, encode):
    message, document = message_of(block)
    encoded = json.loads(encode(decode(message)))
    unnamed = {name for name, value in encoded.items() if value is None} - document.keys()
    assert {name: value for name, value in encoded.items() if name not in unnamed} == document


def _parts_of_report(report):
    return report.device, report.session, report.sequence, report.predictions(arrived=0)


def messages(block: int) -> list[dict]:
    """Return the JSON documents of a block of docs/messages.md; fields that a placeholder stands for are missing."""
    text = code_blocks("docs/messages.md", "json")[block].replace(f", {PLACEHOLDER}}}", "}")
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def message_of(block: int) -> tuple[bytes, dict]:
    """Return the only message of a block, as it is in the document and decoded."""
    [document] = messages(block)
    return code_blocks("docs/messages.md", "json")[block].encode(), document
