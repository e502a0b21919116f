import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.request import urlopen

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from har import topics
from har.samples import encode_batch
from har.settings import GatewaySettings, ProcessorSettings
from ingest.gateway import Gateway, publisher_for
from ingest.messages import Accepted, Refused, decode_answer
from tests.batches import live_batches


@asynccontextmanager
async def gateway_on(broker, **changes):
    """A running gateway; gives its address."""
    settings = GatewaySettings(**{"bootstrap": broker.bootstrap, "port": 0} | changes)
    async with publisher_for(settings) as publisher, await Gateway(settings, publisher).listen() as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def ask(phone, frame):
    await phone.send(frame)
    return decode_answer(await asyncio.wait_for(phone.recv(), 10))


async def page(address: str, path: str) -> str:
    return await asyncio.to_thread(lambda: urlopen(f"http://{address}{path}").read().decode())


async def test_an_accepted_batch_is_in_kafka_as_it_was_sent(broker):
    batches = live_batches(3)
    before = time.time() * 1000
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as phone:
        for batch in batches:
            assert await ask(phone, encode_batch(batch)) == Accepted("s1", batch.sequence)
        records = broker.read(topics.SAMPLES.name, 3)
        assert [record.value for record in records] == [encode_batch(batch) for batch in batches]
        assert {record.key for record in records} == {b"phone-1"}
        assert all(before - 1 <= record.timestamp <= time.time() * 1000 for record in records)
        assert "har_batches_accepted_total 3.0" in await page(address, "/metrics")


BATCH = live_batches(1)[0]


def changed(**changes) -> bytes:
    return encode_batch(replace(BATCH, **changes))


def with_reading(value: float) -> bytes:
    axes = BATCH.axes.copy()
    axes[7, 2] = value
    return changed(axes=axes)


def shifted(seconds: float) -> bytes:
    shift = int(seconds * 1_000_000)
    return changed(times=BATCH.times + shift, later_from=BATCH.later_from + shift)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (with_reading(np.nan), "not_finite"),
        (with_reading(-np.inf), "not_finite"),
        (with_reading(250), "magnitude"),
        (shifted(3_600), "future"),
        (shifted(-30 * 86_400), "past"),
        (b"", "empty"),
        (encode_batch(BATCH)[:-30], "malformed"),
        (b"\x93" + b"x" * 70_000, "oversized"),
        (b"GET / HTTP/1.1", "malformed"),
        (b"\x9d\x07" + encode_batch(BATCH)[2:], "schema"),
        (changed(device="a/b"), "device"),
        (changed(session="ein Lauf"), "session"),
        ('{"schema": 1}', "malformed"),
        ('{"schema": 1, "device": "d", "session": "s", "sequence": 0, "t": [], "x": [], "y": [], "z": []}', "empty"),
    ],
)
async def test_what_is_wrong_is_said_counted_and_kept_and_the_phone_goes_on(broker, frame, code):
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples", compression=None) as phone:
        answer = await ask(phone, frame)
        assert isinstance(answer, Refused)
        assert answer.code == code
        assert answer.detail
        assert await ask(phone, encode_batch(BATCH)) == Accepted("s1", 0)
        assert f'har_refused_total{{code="{code}"}} 1.0' in await page(address, "/metrics")
        (kept,) = broker.read(topics.REFUSED.name, 1)
        headers = dict(kept.headers)
        assert (kept.value or b"") == (frame.encode() if isinstance(frame, str) else frame)
        assert headers["code"] == code.encode()
        assert headers["detail"].decode() == answer.detail
        assert headers["refused_by"] == b"gateway"
        assert len(broker.read(topics.SAMPLES.name, 1)) == 1


async def test_a_repeat_is_accepted_but_other_readings_under_its_number_are_not(broker):
    first, second = live_batches(2)
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as phone:
        for _ in range(2):
            assert await ask(phone, encode_batch(first)) == Accepted("s1", 0)
        answer = await ask(phone, encode_batch(replace(second, sequence=0)))
        assert (answer.code, answer.sequence) == ("conflict", 0)


async def test_a_sequence_that_goes_back_with_new_readings_is_refused(broker):
    batches = live_batches(3)
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as phone:
        await ask(phone, encode_batch(replace(batches[0], sequence=5)))
        await ask(phone, encode_batch(replace(batches[1], sequence=6)))
        assert (await ask(phone, encode_batch(replace(batches[2], sequence=2)))).code == "sequence"


async def test_a_frame_beyond_all_limits_ends_its_connection_only(broker):
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as other:
        async with connect(f"ws://{address}/v1/samples", compression=None) as phone:
            await phone.send(b"\0" * 1_000_000)
            with pytest.raises(ConnectionClosed) as closed:
                await phone.recv()
        assert closed.value.rcvd.code == 1009
        assert await ask(other, encode_batch(BATCH)) == Accepted("s1", 0)


async def test_json_frames_become_batches(broker):
    times = BATCH.times.tolist()
    said = {"schema": 1, "device": "web", "session": "s", "sequence": 3, "t": times}
    said |= {axis: BATCH.axes[:, column].tolist() for column, axis in enumerate("xyz")}
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as phone:
        assert await ask(phone, json.dumps(said)) == Accepted("s", 3)
    (record,) = broker.read(topics.SAMPLES.name, 1)
    assert record.key == b"web"


async def test_nothing_is_accepted_before_kafka_has_it(broker):
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as phone:
        broker.freeze()
        await phone.send(encode_batch(BATCH))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(phone.recv(), 1)
        broker.unfreeze()
        assert decode_answer(await asyncio.wait_for(phone.recv(), 10)) == Accepted("s1", 0)


async def test_while_kafka_does_not_take_batches_sockets_are_not_read(broker):
    async with (
        gateway_on(broker, max_unconfirmed=4) as address,
        connect(f"ws://{address}/v1/samples", compression=None) as phone,
    ):
        broker.freeze()
        sent = 0
        frames = [encode_batch(batch) for batch in live_batches(1_000, rate_hz=1_000)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                for frame in frames:
                    await phone.send(frame)
                    sent += 1
        # What fits into the sockets' buffers was taken; the rest stays with the phone.
        assert sent < len(frames)
        assert "har_unconfirmed 4.0" in await page(address, "/metrics")
        broker.unfreeze()
        assert decode_answer(await asyncio.wait_for(phone.recv(), 10)) == Accepted("s1", 0)


async def test_beyond_loopback_a_token_is_asked_for(broker):
    async with gateway_on(broker, token="right") as address:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://{address}/v1/samples", additional_headers=headers)
            assert refused.value.response.status_code == 401
        async with connect(f"ws://{address}/v1/samples", additional_headers={"Authorization": "Bearer right"}) as phone:
            assert await ask(phone, encode_batch(BATCH)) == Accepted("s1", 0)


async def test_too_many_phones_and_other_paths_are_turned_away(broker):
    async with gateway_on(broker, max_connections=1) as address, connect(f"ws://{address}/v1/samples"):
        for path, status in (("/v1/samples", 503), ("/other", 404)):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://{address}{path}")
            assert refused.value.response.status_code == status
        assert await page(address, "/healthz") == "ok\n"


async def test_hostile_frames_take_no_room_from_others(broker):
    hostile = bytearray(encode_batch(BATCH))
    hostile[0] = 0x90 | 14
    frame = bytes(hostile) + b"\x91" * 60_000
    async with (
        gateway_on(broker, max_unconfirmed=3) as address,
        connect(f"ws://{address}/v1/samples", compression=None) as phone,
    ):
        for _ in range(5):
            assert (await ask(phone, frame)).code == "malformed"
        assert await ask(phone, encode_batch(BATCH)) == Accepted("s1", 0)


async def test_a_phone_that_only_sends_nonsense_is_cut_off(broker):
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as phone:
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(200):
                await ask(phone, b"nonsense")
        assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"host": "0.0.0.0"}, "needs a token"),
        ({"host": "0.0.0.0", "token": "t"}, "tls_certificate"),
        ({"tls_certificate": "a.pem"}, "belong together"),
        ({"prot": 1}, "Extra inputs"),
    ],
)
def test_unsafe_or_unknown_settings_are_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        GatewaySettings(**changes)


def test_the_processors_page_stays_on_loopback():
    with pytest.raises(ValueError, match="for loopback only"):
        ProcessorSettings(web_host="0.0.0.0")
