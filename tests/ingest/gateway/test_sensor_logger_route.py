"""`POST /v1/sensor-logger`: pushed documents become batches and labels."""

import asyncio
import json
import time

import numpy as np
import pytest

from har import topics
from har.binary_samples import decode_batch
from har.labels import decode_label
from har.recordings import Recording
from ingest.devices import tokens
from ingest.devices.registry import Registry
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import call, gateway_on, page
from tests.ingest.sensor_logger.recorded_session import recorded_session

PATH = "/v1/sensor-logger"


def walked(seconds=5, rate_hz=100):
    count = seconds * rate_hz
    times = np.arange(count) * (1_000_000 // rate_hz)
    axes = np.random.default_rng(3).normal([0.5, 2, 9.5], 1.5, (count, 3)).astype(np.float32)
    return Recording("anna", "phone", "model", "s", times, axes, np.full(count, "walk", object))


def pushed(variant, **more):
    start_ns = (time.time_ns() // 1_000_000_000 - 10) * 1_000_000_000
    return recorded_session(walked(), variant, start_ns, **more)


@pytest.mark.parametrize("variant", ["android", "ios", "ios-uncalibrated"])
async def test_a_pushed_session_is_in_kafka_bit_for_bit(broker, variant):
    session = pushed(variant)
    async with gateway_on(broker) as address:
        for number, document in enumerate(session.documents):
            status, answer = await call(address, PATH, document)
            assert (status, answer["type"], answer["readings"]) == (200, "accepted", 100)
            assert (answer["device"], answer["sequence"]) == ("7f0a-phone", number)
            assert answer["notes"]
        batches = [decode_batch(record.value) for record in broker.read(topics.SAMPLES.name, 5)]
    assert [batch.sequence for batch in batches] == [0, 1, 2, 3, 4]
    assert np.concatenate([batch.times for batch in batches]).tolist() == session.times.tolist()
    assert np.concatenate([batch.axes for batch in batches]).tobytes() == session.axes.tobytes()


async def test_a_document_pushed_again_gives_the_same_batch(broker):
    session = pushed("ios")
    async with gateway_on(broker) as address:
        for _ in range(2):
            assert (await call(address, PATH, session.documents[0]))[0] == 200
        first, second = broker.read(topics.SAMPLES.name, 2)
        assert first.value == second.value


@on_one_broker
async def test_an_annotation_becomes_a_label(broker):
    session = pushed("android", annotations=[(0.5, "Walking"), (2.5, "stop"), (3.5, "coffee")])
    async with gateway_on(broker) as address:
        answers = [(await call(address, PATH, document))[1] for document in session.documents]
        assert any("coffee" in note for note in answers[3]["notes"])
        labels = [decode_label(record.value) for record in broker.read(topics.LABELS.name, 2)]
        assert "har_labels_accepted_total 2.0" in await page(address, "/metrics")
    begin = int(session.times[0])
    assert [(entry.activity, entry.start - begin) for entry in labels] == [("walk", 500_000), ("null", 2_500_000)]
    assert {(entry.device, entry.session) for entry in labels} == {("7f0a-phone", "5b1c7d0e-recorded")}


@on_one_broker
async def test_the_apps_test_button_is_answered_and_publishes_nothing(broker):
    async with gateway_on(broker) as address:
        document = {"messageId": 0, "sessionId": "s", "deviceId": "d", "payload": []}
        status, answer = await call(address, PATH, document)
        assert (status, answer["readings"]) == (200, 0)
        assert "har_batches_accepted_total 0.0" in await page(address, "/metrics")


@on_one_broker
async def test_a_token_determines_the_device_and_its_sign_convention(broker, tmp_path):
    url = f"sqlite:///{tmp_path}/devices.sqlite3"
    with Registry(url) as registry:
        device = registry.admit("annas-iphone", wearer="anna", frame="standardised")
        token, _ = tokens.issue(registry.signing_key(), device, 60)
        async with gateway_on(broker, registry=url) as address:
            session = pushed("ios")
            status, answer = await call(address, PATH, session.documents[0], token=token)
            assert (status, answer["device"]) == (200, "annas-iphone")
            (record,) = broker.read(topics.SAMPLES.name, 1)
            # Standardised: the signs are kept.
            assert np.allclose(decode_batch(record.value).axes, -session.axes[:100], atol=1e-5)
            status, answer = await call(address, PATH, session.documents[0])
            assert (status, answer["code"]) == (401, "no_token")


@on_one_broker
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda document: document.update(sessionId=""), "session"),
        (lambda document: document.update(messageId=-1), "sequence"),
        (lambda document: [entry.update(time=entry["time"] // 1_000_000) for entry in document["payload"]], "time"),
        (lambda document: [entry.update(time=entry["time"] + 10**18) for entry in document["payload"]], "future"),
        (
            lambda document: [entry["values"].pop("y") for entry in document["payload"] if "y" in entry["values"]],
            "missing_axis",
        ),
        (
            lambda document: document.update(payload=[e for e in document["payload"] if e["name"] != "gravity"]),
            "gravity",
        ),
    ],
    ids=["no session", "number below 0", "times in ms", "a clock ahead by years", "no y", "no gravity"],
)
async def test_an_invalid_document_is_rejected_counted_and_dead_lettered(broker, change, code):
    document = json.loads(pushed("ios").documents[0])
    change(document)
    async with gateway_on(broker) as address:
        status, answer = await call(address, PATH, document)
        assert (status, answer["type"], answer["code"]) == (400, "rejected", code)
        assert f'har_rejected_total{{code="{code}"}} 1.0' in await page(address, "/metrics")
        (kept,) = broker.read(topics.REJECTED.name, 1)
        assert json.loads(kept.value) == document


async def test_a_document_that_kafka_does_not_confirm_is_answered_with_503(broker):
    session = pushed("ios")
    async with gateway_on(broker, delivery_timeout_seconds=1) as address:
        broker.freeze()
        status, answer = await call(address, PATH, session.documents[0])
        assert (status, answer["code"]) == (503, "unavailable")
        broker.unfreeze()


async def test_pushes_beyond_the_in_flight_limit_are_answered_with_503(broker):
    documents = pushed("ios").documents
    async with gateway_on(broker, delivery_timeout_seconds=1, max_unconfirmed=1) as address:
        broker.freeze()
        answers = await asyncio.gather(*(call(address, PATH, document) for document in documents))
        broker.unfreeze()
        assert {(status, answer["code"]) for status, answer in answers} == {(503, "unavailable")}
