"""`POST /v1/sensor-logger`: pushed documents become batches and labels."""

import asyncio
import json
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

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


def pushed(variant, *, seconds=5, rate_hz=100, **more):
    start_ns = (time.time_ns() // 1_000_000_000 - 10) * 1_000_000_000
    return recorded_session(walked(seconds, rate_hz), variant, start_ns, **more)


@pytest.mark.parametrize("variant", ["android", "ios", "ios-uncalibrated"])
async def test_a_pushed_session_is_in_kafka_bit_for_bit(broker, variant):
    session = pushed(variant)
    async with gateway_on(broker) as address:
        for number, document in enumerate(session.documents):
            status, answer = await call(address, PATH, document)
            assert (status, answer["type"], answer["readings"]) == (200, "accepted", 100)
            assert (answer["device"], answer["sequence"], answer["batches"]) == ("7f0a-phone", 64 * number, 1)
            assert answer["notes"]
        batches = [decode_batch(record.value) for record in broker.read(topics.SAMPLES.name, 5)]
    assert [batch.sequence for batch in batches] == [0, 64, 128, 192, 256]
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
    session = pushed("android", annotations=[(0.5, "Walking"), (2.5, "stop"), (3.5, "??"), (4.5, "Tai chi")])
    async with gateway_on(broker) as address:
        answers = [(await call(address, PATH, document))[1] for document in session.documents]
        assert any("'??' cannot name" in note for note in answers[3]["notes"])
        labels = [decode_label(record.value) for record in broker.read(topics.LABELS.name, 3)]
        assert "har_labels_accepted_total 3.0" in await page(address, "/metrics")
    begin = int(session.times[0])
    assert [(entry.activity, entry.start - begin) for entry in labels] == [
        ("walk", 500_000), ("null", 2_500_000), ("tai_chi", 4_500_000),
    ]  # fmt: skip
    assert {(entry.device, entry.session) for entry in labels} == {("7f0a-phone", "5b1c7d0e-recorded")}


@on_one_broker
@pytest.mark.parametrize(
    "document",
    [
        {"messageId": 0, "sessionId": "s", "deviceId": "d", "payload": []},
        {"messageId": 0, "sessionId": "", "deviceId": "Anna's phone (3)", "payload": [{"name": "test", "values": {}}]},
        {"sessionId": None, "deviceId": 7, "payload": [{"name": "light", "time": 1, "values": {"lux": 3}}]},
        {"payload": [{"name": "Test"}, {"name": "accelerometer", "time": 5, "values": {"x": 1}}]},
        {},
    ],
    ids=["no entries", "the test entry", "another sensor, odd names", "with a reading", "nothing"],
)
async def test_the_apps_test_button_is_answered_and_publishes_nothing(broker, document):
    async with gateway_on(broker) as address:
        status, answer = await call(address, PATH, document)
        assert (status, answer["type"], answer["readings"]) == (200, "accepted", 0)
        assert "har_batches_accepted_total 0.0" in await page(address, "/metrics")


async def test_a_document_of_many_readings_becomes_several_batches(broker):
    session = pushed("android", rate_hz=400, period_seconds=5)  # 2,000 readings, and as many of two other sensors
    longer = pushed("ios", rate_hz=400, seconds=6, period_seconds=6, session_id="longer")
    async with gateway_on(broker) as address, gateway_on(broker) as another:
        assert (await call(address, PATH, session.documents[0]))[1]["batches"] == 1
        for gateway in (address, address, another):  # sent again, also to a gateway that knows nothing of it
            status, answer = await call(gateway, PATH, longer.documents[0])
            assert (status, answer["readings"], answer["batches"], answer["sequence"]) == (200, 2_400, 2, 0)
        records = broker.read(topics.SAMPLES.name, 7)[1:]
    assert [record.value for record in records[:2]] * 3 == [record.value for record in records]
    batches = [decode_batch(record.value) for record in records[:2]]
    assert [(batch.sequence, batch.numbers) for batch in batches] == [(0, 1), (1, 63)]
    assert np.concatenate([batch.axes for batch in batches]).tobytes() == longer.axes.tobytes()


@on_one_broker
async def test_a_document_of_which_one_batch_is_invalid_is_rejected_as_a_whole(broker):
    document = json.loads(pushed("android", rate_hz=400, seconds=8, period_seconds=8).documents[0])
    readings = [entry for entry in document["payload"] if entry["name"].lower() == "totalacceleration"]
    for entry in readings[2_000:]:
        entry["values"] = {"x": 0.1, "y": 0.1, "z": 0.2}
    async with gateway_on(broker) as address:
        status, answer = await call(address, PATH, document)
        assert (status, answer["code"]) == (400, "gravity")
        metrics = await page(address, "/metrics")
        assert "har_batches_accepted_total 0.0" in metrics
        assert 'har_rejected_total{code="gravity"} 1.0' in metrics
        (kept,) = broker.read(topics.REJECTED.name, 1)
        assert int(dict(kept.headers)["bytes"]) == len(json.dumps(document))


@on_one_broker
async def test_the_batches_of_a_document_count_against_the_rate_limit(broker):
    session = pushed("ios", rate_hz=400, seconds=6, period_seconds=6)
    async with gateway_on(broker, max_device_rate=0.1) as address:  # a burst of two
        statuses = [(await call(address, PATH, session.documents[0]))[0] for _ in range(2)]
    assert statuses == [200, 429]


async def told(address, document, *, token=None, scheme="Bearer ", accept="application/json, text/plain, */*"):
    """Push as the app does; return the status, the content type and the text."""
    headers = {"Accept": accept} | ({"Authorization": f"{scheme}{token}"} if token else {})
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    def send():
        try:
            with urlopen(Request(f"http://{address}{PATH}", body, headers)) as answer:
                return answer.status, answer.headers.get_content_type(), answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.headers.get_content_type(), error.read().decode()

    return await asyncio.to_thread(send)


@on_one_broker
async def test_the_app_is_told_every_rejection_in_plain_text_with_status_499(broker, tmp_path):
    url = f"sqlite:///{tmp_path}/devices.sqlite3"
    valid = pushed("ios").documents[0]
    no_gravity = json.loads(valid)
    no_gravity["payload"] = [entry for entry in no_gravity["payload"] if entry["name"] != "gravity"]
    with Registry(url) as registry:
        device = registry.admit("phone", wearer=None, frame="ios")
        token, _ = tokens.issue(registry.signing_key(), device, 60)
        async with gateway_on(broker, registry=url, max_device_rate=0.15, max_push_bytes=100_000) as address:
            for document, shown, words in (
                (valid, None, "Send the token"),
                (valid, "nonsense", "malformed_token"),
                (b"{" * 100_001, token, "over 100,000 bytes"),
                (b"[]", token, "not a document of Sensor Logger"),
                (no_gravity, token, "switch on Gravity"),
                (valid, token, "too many messages"),
            ):
                status, kind, text = await told(address, document, token=shown)
                assert (status, kind) == (499, "text/plain"), words
                assert words in text
            for scheme in ("", "Authorization: Bearer "):  # copied in part, and with the header's name
                status, _, text = await told(address, valid, token=token, scheme=scheme)
                assert status == 499 and "does not begin with “Authorization: ”" in text
            status, kind, text = await told(address, valid, token=token, accept="application/json")
            assert (status, kind, json.loads(text)["code"]) == (429, "application/json", "too_often")
        registry.revoke("phone")
        async with gateway_on(broker, registry=url) as address:
            status, _, text = await told(address, valid, token=token)
            assert status == 499 and "revoked" in text


@on_one_broker
async def test_a_sign_convention_that_the_data_contradict_is_logged_once(broker, tmp_path, caplog):
    url = f"sqlite:///{tmp_path}/devices.sqlite3"
    with Registry(url) as registry:
        token, _ = tokens.issue(registry.signing_key(), registry.admit("phone", wearer=None, frame="android"), 60)
        async with gateway_on(broker, registry=url) as address:
            for document in pushed("ios-uncalibrated").documents[:3]:
                assert (await told(address, document, token=token))[0] == 200
    assert [record.message for record in caplog.records if "--frame ios" in record.message] == [
        "phone, recording 5b1c7d0e-recorded: accelerometerUncalibrated is in g, as on an iPhone without Standardise "
        "Units & Frames: lay the phone on a table, screen up: z must be +9.8. If it is not, enrol the phone with "
        "--frame ios"
    ]


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
