"""Phones and the gateway while Kafka does not answer."""

import asyncio
import logging
import signal
import time

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from har.binary_samples import encode_batch
from har.gateway_messages import Accepted, Waiting
from ingest.senders.phone_client import PhoneClient
from tests.batches import live_batches
from tests.ingest.gateway.running_gateway import (
    arrived,
    ask,
    gateway_on,
    gateway_process,
    measure,
    receive,
    until_metric,
)

BATCHES = live_batches(30)
TIMES = np.concatenate([batch.times for batch in BATCHES])
AXES = np.concatenate([batch.axes for batch in BATCHES])
FRAMES = [encode_batch(batch) for batch in BATCHES]


@pytest.mark.slow
async def test_a_phone_is_notified_once_buffers_and_resumes(broker, caplog):
    notices: list[Waiting] = []
    notified = asyncio.Event()

    def on_waiting(waiting: Waiting) -> None:
        notices.append(waiting)
        notified.set()

    async with gateway_on(broker) as address:
        url = f"ws://{address}/v1/samples"
        async with PhoneClient(url, "p", on_waiting=on_waiting) as phone:
            await phone.send(TIMES[:500], AXES[:500])
            while phone.unconfirmed:
                await asyncio.sleep(0.02)
            broker.freeze()
            frozen_until = time.monotonic() + 5
            await phone.send(TIMES[500:], AXES[500:])
            await asyncio.wait_for(notified.wait(), 4)
            assert await measure(address, "har_connections_waiting") == 1
            await asyncio.sleep(frozen_until - time.monotonic())
            assert phone.accepted == 10
            assert phone.unconfirmed == 20
            broker.unfreeze()
        assert await measure(address, "har_connections_waiting") == 0
        assert phone.accepted == 30
        assert phone.connections == 1
    (waiting,) = notices
    assert waiting.reason == "kafka"
    assert 2 <= waiting.seconds < 3
    warnings = [record for record in caplog.records if record.name == "ingest.senders.phone_client"]
    assert [record.levelname for record in warnings if record.levelno >= logging.WARNING] == ["WARNING"]
    arrived(broker, 30)


async def test_a_second_wait_is_notified_again(broker):
    async with (
        gateway_on(broker, waiting_notice_seconds=0.3) as address,
        connect(f"ws://{address}/v1/samples") as phone,
    ):
        for frame, sequence in zip(FRAMES[:2], range(2), strict=True):
            broker.freeze()
            assert isinstance(await ask(phone, frame), Waiting)
            broker.unfreeze()
            assert await receive(phone) == Accepted("s1", sequence)


async def test_a_phone_beyond_the_in_flight_limit_is_notified(broker):
    async with (
        gateway_on(broker, max_unconfirmed=2, waiting_notice_seconds=0.5) as address,
        connect(f"ws://{address}/v1/samples") as first,
        connect(f"ws://{address}/v1/samples") as second,
    ):
        broker.freeze()
        for frame in FRAMES[:2]:
            await first.send(frame)
        await until_metric(address, "har_unconfirmed", lambda value: value == 2, 30)
        notice = await ask(second, encode_batch(live_batches(1, device="second")[0]))
        assert (type(notice), notice.reason) == (Waiting, "room")
        assert (await receive(first)).reason == "kafka"
        broker.unfreeze()
        assert await receive(second) == Accepted("s1", 0)


async def test_no_more_batches_are_in_flight_than_the_limit(broker):
    async with gateway_on(broker, max_unconfirmed=8, max_unconfirmed_per_connection=4) as address:
        url = f"ws://{address}/v1/samples"
        phones = [PhoneClient(url, f"phone-{number}", max_buffered=50) for number in range(6)]
        for phone in phones:
            await phone.__aenter__()
        broker.freeze()
        sending = [asyncio.create_task(phone.send(TIMES, AXES)) for phone in phones]
        await until_metric(address, "har_unconfirmed", lambda value: value == 8, 30)
        for _ in range(20):
            assert await measure(address, "har_unconfirmed") == 8
            await asyncio.sleep(0.05)
        broker.unfreeze()
        await asyncio.gather(*sending)
        highest = 0.0
        while any(phone.unconfirmed for phone in phones):
            highest = max(highest, await measure(address, "har_unconfirmed"))
        for phone in phones:
            await phone.__aexit__(None, None, None)
        assert highest <= 8
        assert [phone.accepted for phone in phones] == [30] * 6


@pytest.mark.parametrize("frames", [4, 30], ids=["read", "left unread in the socket"])
async def test_a_blocked_phone_that_disappears_is_disconnected_at_once(broker, frames):
    async with gateway_on(broker, max_unconfirmed_per_connection=2) as address:
        phone = await connect(f"ws://{address}/v1/samples", compression=None)
        broker.freeze()
        for frame in FRAMES[:frames]:
            await phone.send(frame)
        await until_metric(address, "har_unconfirmed", lambda value: value == 2, 30)
        phone.transport.abort()
        assert await until_metric(address, "har_connections", lambda value: value == 0, 30) < 1
        assert await measure(address, "har_unconfirmed") == 2
        broker.unfreeze()
        await until_metric(address, "har_unconfirmed", lambda value: value == 0, 30)
    arrived(broker, 2)


async def test_a_blocked_phone_that_closes_its_connection_is_released_at_once(broker):
    async with gateway_on(broker, max_unconfirmed_per_connection=2) as address:
        phone = await connect(f"ws://{address}/v1/samples", compression=None, close_timeout=0.1)
        broker.freeze()
        for frame in FRAMES:
            await phone.send(frame)
        await until_metric(address, "har_unconfirmed", lambda value: value == 2, 30)
        await phone.close()
        assert await until_metric(address, "har_connections", lambda value: value == 0, 30) < 1
        broker.unfreeze()


async def test_phones_are_rejected_with_retry_after_while_kafka_is_not_available(broker):
    async with gateway_on(broker, delivery_timeout_seconds=1) as address:
        url = f"ws://{address}/v1/samples"
        async with connect(url) as phone:
            broker.freeze()
            await phone.send(FRAMES[0])
            with pytest.raises(ConnectionClosed) as closed:
                while True:  # on a slow machine it is notified to wait first
                    assert isinstance(await receive(phone), Waiting)
        assert closed.value.rcvd.code == 1013
        with pytest.raises(InvalidStatus) as rejected:
            await connect(url)
        response = rejected.value.response
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
        assert response.body == b"Kafka is not available; keep your readings and try again in 2 s\n"
        broker.unfreeze()
        async with PhoneClient(url, "p") as again:
            await again.send(TIMES, AXES)
        assert again.accepted == 30


async def test_a_stopping_gateway_answers_what_kafka_confirms(broker):
    async with gateway_on(broker, stop_seconds=10) as address:
        phone = await connect(f"ws://{address}/v1/samples")
        broker.freeze()
        for frame in FRAMES[:3]:
            await phone.send(frame)
        await until_metric(address, "har_unconfirmed", lambda value: value == 3, 30)
        asyncio.get_running_loop().call_later(0.5, broker.unfreeze)
        leaving = time.monotonic()
    assert time.monotonic() - leaving < 8
    assert [await receive(phone) for _ in range(3)] == [Accepted("s1", number) for number in range(3)]
    with pytest.raises(ConnectionClosed) as closed:
        await receive(phone)
    assert closed.value.rcvd.code == 1012


async def test_a_gateway_stops_within_seconds_while_kafka_is_frozen(broker):
    async with gateway_process(broker) as (gateway, address):
        phone = await connect(f"ws://{address}/v1/samples", compression=None)
        broker.freeze()
        try:
            for frame in FRAMES:
                await phone.send(frame)
            await until_metric(address, "har_unconfirmed", lambda value: value == 16, 30)
            gateway.send_signal(signal.SIGTERM)
            asked = time.monotonic()
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    assert isinstance(await receive(phone), Waiting)
            assert closed.value.rcvd.code == 1012
            assert await asyncio.wait_for(gateway.wait(), 10) == 0
            assert time.monotonic() - asked < 5
        finally:
            broker.unfreeze()
