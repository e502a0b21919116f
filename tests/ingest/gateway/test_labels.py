"""Labels: from the phone in the time of its clock, from the dashboard for the current moment."""

import json
import time
from dataclasses import replace

import pytest
from websockets.asyncio.client import connect

from har import topics
from har.binary_samples import encode_batch
from har.labels import ENDLESS, decode_label
from ingest.devices.registry import Registry
from tests.batches import live_batches
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import ask, call, gateway_on, page

NOW = time.time_ns() // 1000
LABEL = {"device": "phone-1", "session": "s1", "start": NOW, "activity": "walk", "said_at": NOW}


async def test_an_accepted_label_is_in_kafka(broker):
    async with gateway_on(broker) as address:
        for number, end in enumerate((None, NOW + 60_000_000, NOW)):
            status, answer = await call(address, "/v1/labels", {**LABEL, "end": end, "said_at": NOW + number})
            assert (status, answer["type"]) == (200, "accepted")
        records = broker.read(topics.LABELS.name, 3)
    assert [record.key for record in records] == [b"phone-1"] * 3
    assert [decode_label(record.value).end for record in records] == [ENDLESS, NOW + 60_000_000, NOW]


@on_one_broker
@pytest.mark.parametrize(
    ("change", "code", "key"),
    [
        ({"activity": "Walk!"}, "activity", b"phone-1"),
        ({"activity": ""}, "activity", b"phone-1"),
        ({"activity": "a" * 33}, "activity", b"phone-1"),
        ({"activity": "walk " * 2_000}, "activity", b"phone-1"),
        ({"activity": "x\u202ey"}, "activity", b"phone-1"),
        ({"activity": "5 steps"}, "activity", b"phone-1"),
        ({"activity": "_"}, "activity", b"phone-1"),
        ({"start": 12}, "time", b"phone-1"),
        ({"end": NOW - 1}, "malformed", None),
        ({"device": "a b"}, "device", None),
        ({"session": ""}, "session", b"phone-1"),
        ({"more": 1}, "malformed", None),
        ({"user": "x" * 100}, "malformed", b"phone-1"),
    ],
)
async def test_an_invalid_label_is_rejected_with_a_reason(broker, change, code, key):
    async with gateway_on(broker) as address:
        status, answer = await call(address, "/v1/labels", {**LABEL, **change})
        assert (status, answer["type"], answer["code"]) == (400, "rejected", code)
        assert answer["detail"]
        metrics = await page(address, "/metrics")
    (kept,) = broker.read(topics.REJECTED.name, 1)
    assert json.loads(kept.value) == {**LABEL, **change}
    assert kept.key == key
    headers = dict(kept.headers)
    assert (headers["code"], headers["rejected_by"]) == (code.encode(), b"gateway")
    assert headers["detail"].decode() == answer["detail"]
    assert f'har_rejected_total{{code="{code}"}} 1.0' in metrics


@on_one_broker
@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("walking", "walk"), ("Cycling", "bike"), ("lying down", "lie"), ("unknown", "null"), ("null", "null"),
        ("Stairs-Up", "stairsup"), ("Tai Chi", "tai_chi"), ("  tai--chi ", "tai_chi"), ("U\u0308BEN", "üben"),
        ("太极拳", "太极拳"), ("a" * 32, "a" * 32),
    ],
)  # fmt: skip
async def test_a_label_is_published_in_its_canonical_form(broker, said, kept):
    async with gateway_on(broker) as address:
        status, answer = await call(address, "/v1/labels", {**LABEL, "activity": said})
    assert (status, answer["label"]["activity"]) == (200, kept)
    (record,) = broker.read(topics.LABELS.name, 1)
    assert decode_label(record.value).activity == kept


@on_one_broker
@pytest.mark.parametrize("change", [{"activity": "run"}, {"end": NOW + 1}, {"end": NOW}])
async def test_a_correction_that_the_archive_would_take_for_a_repeat_is_rejected(broker, change):
    async with gateway_on(broker) as address:
        assert [(await call(address, "/v1/labels", LABEL))[0] for _ in range(2)] == [200, 200]
        status, answer = await call(address, "/v1/labels", {**LABEL, **change})
        assert (status, answer["code"]) == (400, "conflict")
        status, _ = await call(address, "/v1/labels", {**LABEL, **change, "said_at": NOW + 1})
        assert status == 200


@on_one_broker
async def test_rejected_labels_are_kept_at_a_limited_rate(broker):
    async with gateway_on(broker, max_rejections_per_minute=20) as address:
        answers = [await call(address, "/v1/labels", {**LABEL, "start": at}) for at in range(40)]
    statuses = [status for status, _ in answers]
    assert statuses[0] == 400
    assert 429 in statuses


@on_one_broker
async def test_the_wearer_of_a_device_is_on_its_labels(broker, tmp_path):
    url = f"sqlite:///{tmp_path}/devices.sqlite3"
    with Registry(url) as registry:
        code = registry.invite("phone-1", wearer="anna", frame="unknown", seconds=60)
        async with gateway_on(broker, registry=url) as address:
            _, device = await call(address, "/v1/devices/enrol", {"code": code})
            status, _ = await call(address, "/v1/labels", LABEL, token=device["token"])
            assert status == 200
            status, answer = await call(address, "/v1/labels", LABEL)
            assert (status, answer["code"]) == (401, "no_token")
    (record,) = broker.read(topics.LABELS.name, 1)
    assert decode_label(record.value).user == "anna"


@on_one_broker
@pytest.mark.parametrize("off_seconds", [-3_600, 0, 45])
async def test_a_label_for_now_has_the_time_of_the_devices_clock(broker, off_seconds):
    off = off_seconds * 1_000_000
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as phone:
        batches = [
            replace(batch, times=batch.times + off, earlier_until=0, newest_sent=0, later_from=batch.later_from + off)
            for batch in live_batches(1)
        ]
        assert (await ask(phone, encode_batch(batches[0]))).sequence == 0
        before = time.time_ns() // 1000 + off
        status, answer = await call(address, "/v1/labels/now", {"device": "phone-1", "activity": "sit"})
        after = time.time_ns() // 1000 + off
        assert status == 200
        label = answer["label"]
        assert label["session"] == "s1"
        # The delay of the batch cannot be distinguished from an offset of the clock.
        assert before - 2_000_000 <= label["start"] <= after
        ending = {"device": "phone-1", "activity": "sit", "session": "s1", "start": label["start"]}
        status, ended = await call(address, "/v1/labels/now", ending)
        assert label["start"] <= ended["label"]["end"] <= time.time_ns() // 1000 + off
        later = label["start"] + 30_000_000  # as if the device's clock had been put back since
        _, ended = await call(address, "/v1/labels/now", {**ending, "start": later})
        assert ended["label"]["end"] == later < ended["label"]["said_at"]


@on_one_broker
async def test_a_label_for_now_of_a_silent_device_is_rejected(broker):
    async with gateway_on(broker) as address:
        status, answer = await call(address, "/v1/labels/now", {"device": "phone-1", "activity": "sit"})
        assert (status, answer["code"]) == (409, "silent")
