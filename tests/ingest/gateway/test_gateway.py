import asyncio
import json
import ssl
import time
from dataclasses import replace

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from har import topics
from har.binary_samples import encode_batch
from har.gateway_messages import Accepted, Rejected, Waiting
from ingest.gateway.settings import GatewaySettings
from ingest.senders.phone_client import PhoneClient
from stream_processor.settings import ProcessorSettings
from tests.batches import live_batches
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import ask, gateway_on, page, receive


async def test_an_accepted_batch_is_in_kafka_unchanged(broker):
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


@on_one_broker
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
async def test_an_invalid_frame_is_rejected_counted_and_dead_lettered_and_the_phone_continues(broker, frame, code):
    await is_rejected_and_kept(broker, frame, code)


@pytest.mark.parametrize(
    ("frame", "code"),
    [(b"", "empty"), (with_reading(np.nan), "not_finite"), ('{"schema": 1}', "malformed")],
    ids=["nothing", "bytes", "text"],
)
async def test_a_rejected_frame_is_dead_lettered_with_the_reason_in_its_headers(broker, frame, code):
    await is_rejected_and_kept(broker, frame, code)


async def is_rejected_and_kept(broker, frame, code):
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples", compression=None) as phone:
        answer = await ask(phone, frame)
        assert isinstance(answer, Rejected)
        assert answer.code == code
        assert answer.detail
        assert await ask(phone, encode_batch(BATCH)) == Accepted("s1", 0)
        assert f'har_rejected_total{{code="{code}"}} 1.0' in await page(address, "/metrics")
        (kept,) = broker.read(topics.REJECTED.name, 1)
        headers = dict(kept.headers)
        assert (kept.value or b"") == (frame.encode() if isinstance(frame, str) else frame)
        assert headers["code"] == code.encode()
        assert headers["detail"].decode() == answer.detail
        assert headers["rejected_by"] == b"gateway"
        assert len(broker.read(topics.SAMPLES.name, 1)) == 1


@on_one_broker
async def test_a_repeat_is_accepted_but_other_readings_with_its_sequence_are_rejected(broker):
    first, second = live_batches(2)
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as phone:
        for _ in range(2):
            assert await ask(phone, encode_batch(first)) == Accepted("s1", 0)
        answer = await ask(phone, encode_batch(replace(second, sequence=0)))
        assert (answer.code, answer.sequence) == ("conflict", 0)


@on_one_broker
async def test_a_sequence_that_goes_back_with_new_readings_is_rejected(broker):
    batches = live_batches(3)
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as phone:
        await ask(phone, encode_batch(replace(batches[0], sequence=5)))
        await ask(phone, encode_batch(replace(batches[1], sequence=6)))
        assert (await ask(phone, encode_batch(replace(batches[2], sequence=2)))).code == "sequence"


@on_one_broker
async def test_an_oversized_frame_ends_its_connection_only(broker):
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as other:
        async with connect(f"ws://{address}/v1/samples", compression=None) as phone:
            await phone.send(b"\0" * 1_000_000)
            with pytest.raises(ConnectionClosed) as closed:
                await phone.recv()
        assert closed.value.rcvd.code == 1009
        assert await ask(other, encode_batch(BATCH)) == Accepted("s1", 0)


@on_one_broker
async def test_json_frames_become_batches(broker):
    times = BATCH.times.tolist()
    message = {"schema": 1, "device": "web", "session": "s", "sequence": 3, "t": times}
    message |= {axis: BATCH.axes[:, column].tolist() for column, axis in enumerate("xyz")}
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as phone:
        assert await ask(phone, json.dumps(message)) == Accepted("s", 3)
    (record,) = broker.read(topics.SAMPLES.name, 1)
    assert record.key == b"web"


async def test_a_batch_is_not_accepted_before_kafka_confirms_it(broker):
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as phone:
        broker.freeze()
        await phone.send(encode_batch(BATCH))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(phone.recv(), 1)
        broker.unfreeze()
        assert await receive(phone) == Accepted("s1", 0)


async def test_sockets_are_not_read_while_kafka_does_not_confirm_batches(broker):
    async with (
        gateway_on(broker, max_unconfirmed=4) as address,
        connect(f"ws://{address}/v1/samples", compression=None, close_timeout=0.5) as phone,
    ):
        broker.freeze()
        sent = 0
        frames = [encode_batch(batch) for batch in live_batches(1_000, rate_hz=1_000)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                for frame in frames:
                    await phone.send(frame)
                    sent += 1
        # The sockets' buffers are full; the rest stays with the phone.
        assert sent < len(frames)
        assert "har_unconfirmed 4.0" in await page(address, "/metrics")
        assert isinstance(await receive(phone), Waiting)
        broker.unfreeze()
        assert await receive(phone) == Accepted("s1", 0)


@on_one_broker
async def test_a_gateway_with_a_token_rejects_phones_without_it(broker):
    async with gateway_on(broker, token="right") as address:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            with pytest.raises(InvalidStatus) as rejected:
                await connect(f"ws://{address}/v1/samples", additional_headers=headers)
            assert rejected.value.response.status_code == 401
        async with connect(f"ws://{address}/v1/samples", additional_headers={"Authorization": "Bearer right"}) as phone:
            assert await ask(phone, encode_batch(BATCH)) == Accepted("s1", 0)


@on_one_broker
async def test_with_a_certificate_phones_stream_encrypted_and_plain_text_is_rejected(broker, certificate, monkeypatch):
    made, key = certificate
    async with gateway_on(broker, tls_certificate=made, tls_key=key) as address:
        with pytest.raises((InvalidMessage, ConnectionError)):
            await connect(f"ws://{address}/v1/samples")
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(f"wss://{address}/v1/samples")
        monkeypatch.setenv("SSL_CERT_FILE", str(made))  # the client trusts it besides public authorities
        async with connect(f"wss://{address}/v1/samples") as phone:
            assert await ask(phone, encode_batch(BATCH)) == Accepted("s1", 0)
        other = live_batches(2, device="phone-2")
        async with PhoneClient(f"wss://{address}/v1/samples", "phone-2") as client:
            for batch in other:
                await client.send(batch.times, batch.axes)
        assert client.accepted == 2


@on_one_broker
async def test_a_blocked_phone_that_disconnects_is_detected_through_tls(broker, certificate, monkeypatch):
    made, key = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    async with gateway_on(broker, tls_certificate=made, tls_key=key, max_unconfirmed_per_connection=2) as address:
        phone = await connect(f"wss://{address}/v1/samples", compression=None)
        broker.freeze()
        for batch in live_batches(30):
            await phone.send(encode_batch(batch))
        trust = ssl.create_default_context()
        while "har_unconfirmed 2.0" not in await page(address, "/metrics", trust):
            pass
        phone.transport.abort()
        left = time.monotonic()
        while "har_connections 0.0" not in await page(address, "/metrics", trust):
            assert time.monotonic() - left < 1
        broker.unfreeze()


@on_one_broker
async def test_phones_beyond_the_limit_and_other_paths_are_rejected(broker):
    async with gateway_on(broker, max_connections=1) as address, connect(f"ws://{address}/v1/samples"):
        for path, status in (("/v1/samples", 503), ("/other", 404)):
            with pytest.raises(InvalidStatus) as rejected:
                await connect(f"ws://{address}{path}")
            assert rejected.value.response.status_code == status
        assert await page(address, "/healthz") == "ok\n"


@on_one_broker
async def test_hostile_frames_do_not_use_up_the_in_flight_limit(broker):
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


@on_one_broker
async def test_a_phone_that_only_sends_nonsense_is_disconnected_and_its_frames_are_dead_lettered(broker):
    async with (
        gateway_on(broker, max_rejections_per_minute=5) as address,
        connect(f"ws://{address}/v1/samples") as phone,
    ):
        for number in range(50):
            await phone.send(b"nonsense %d" % number)
        for _ in range(5):
            assert (await receive(phone)).code == "malformed"
        with pytest.raises(ConnectionClosed) as closed:
            await receive(phone)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
        1008,
        "Over 5 messages were rejected in a minute. See the answers.",
    )
    kept = [record.value for record in broker.read(topics.REJECTED.name, 5)]
    assert sorted(kept) == [b"nonsense %d" % number for number in range(5)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host": "0.0.0.0"}, "needs a token"),
        ({"host": "0.0.0.0", "token": "t"}, "tls_certificate"),
        ({"tls_certificate": "a.pem"}, "or neither"),
        ({"prot": 1}, "Extra inputs"),
    ],
)
def test_unsafe_or_unknown_settings_are_rejected(changes, message):
    with pytest.raises(ValueError, match=message):
        GatewaySettings(**changes)


def test_the_processors_page_stays_on_loopback():
    with pytest.raises(ValueError, match="use a loopback address"):
        ProcessorSettings(web_host="0.0.0.0")
