"""What phones, the gateway and its memory do while Kafka does not answer."""

import asyncio
import logging
import signal
import time

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from har.gateway_messages import Accepted, Waiting
from har.samples import encode_batch
from ingest.senders.phone_client import PhoneClient
from tests.batches import live_batches
from tests.ingest.gateway.running_gateway import arrived, ask, gateway_on, gateway_process, hear, measure, until

BATCHES = live_batches(30)
TIMES = np.concatenate([batch.times for batch in BATCHES])
AXES = np.concatenate([batch.axes for batch in BATCHES])
FRAMES = [encode_batch(batch) for batch in BATCHES]


async def test_a_phone_is_told_once_buffers_and_resumes(broker, caplog):
    said: list[Waiting] = []
    told = asyncio.Event()

    def hear_waiting(waiting: Waiting) -> None:
        said.append(waiting)
        told.set()

    async with gateway_on(broker) as address:
        url = f"ws://{address}/v1/samples"
        async with PhoneClient(url, "p", on_waiting=hear_waiting) as phone:
            await phone.send(TIMES[:500], AXES[:500])
            while phone.unconfirmed:
                await asyncio.sleep(0.02)
            broker.freeze()
            frozen_until = time.monotonic() + 5
            await phone.send(TIMES[500:], AXES[500:])
            await asyncio.wait_for(told.wait(), 4)
            assert await measure(address, "har_connections_waiting") == 1
            await asyncio.sleep(frozen_until - time.monotonic())
            assert phone.accepted == 10
            assert phone.unconfirmed == 20
            broker.unfreeze()
        assert await measure(address, "har_connections_waiting") == 0
        assert phone.accepted == 30
        assert phone.connections == 1
    (waiting,) = said
    assert waiting.reason == "kafka"
    assert 2 <= waiting.seconds < 3
    warnings = [record for record in caplog.records if record.name == "ingest.senders.phone_client"]
    assert [record.levelname for record in warnings if record.levelno >= logging.WARNING] == ["WARNING"]
    arrived(broker, 30)


async def test_another_wait_is_told_again(broker):
    async with (
        gateway_on(broker, waiting_notice_seconds=0.3) as address,
        connect(f"ws://{address}/v1/samples") as phone,
    ):
        for frame, sequence in zip(FRAMES[:2], range(2), strict=True):
            broker.freeze()
            assert isinstance(await ask(phone, frame), Waiting)
            broker.unfreeze()
            assert await hear(phone) == Accepted("s1", sequence)


async def test_a_phone_that_finds_no_room_is_told_so(broker):
    async with (
        gateway_on(broker, max_unconfirmed=2, waiting_notice_seconds=0.5) as address,
        connect(f"ws://{address}/v1/samples") as first,
        connect(f"ws://{address}/v1/samples") as second,
    ):
        broker.freeze()
        for frame in FRAMES[:2]:
            await first.send(frame)
        await until(address, "har_unconfirmed", lambda value: value == 2, 30)
        said = await ask(second, encode_batch(live_batches(1, device="second")[0]))
        assert (type(said), said.reason) == (Waiting, "room")
        assert (await hear(first)).reason == "kafka"
        broker.unfreeze()
        assert await hear(second) == Accepted("s1", 0)


async def test_no_more_is_held_than_there_is_room_for(broker):
    async with gateway_on(broker, max_unconfirmed=8, max_unconfirmed_per_connection=4) as address:
        url = f"ws://{address}/v1/samples"
        phones = [PhoneClient(url, f"phone-{number}", max_buffered=50) for number in range(6)]
        for phone in phones:
            await phone.__aenter__()
        broker.freeze()
        sending = [asyncio.create_task(phone.send(TIMES, AXES)) for phone in phones]
        await until(address, "har_unconfirmed", lambda value: value == 8, 30)
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
async def test_a_phone_that_disappears_while_held_up_frees_its_place_at_once(broker, frames):
    async with gateway_on(broker, max_unconfirmed_per_connection=2) as address:
        phone = await connect(f"ws://{address}/v1/samples", compression=None)
        broker.freeze()
        for frame in FRAMES[:frames]:
            await phone.send(frame)
        await until(address, "har_unconfirmed", lambda value: value == 2, 30)
        phone.transport.abort()
        assert await until(address, "har_connections", lambda value: value == 0, 30) < 1
        assert await measure(address, "har_unconfirmed") == 2
        broker.unfreeze()
        await until(address, "har_unconfirmed", lambda value: value == 0, 30)
    arrived(broker, 2)


async def test_a_phone_that_says_goodbye_while_held_up_is_let_go_at_once(broker):
    async with gateway_on(broker, max_unconfirmed_per_connection=2) as address:
        phone = await connect(f"ws://{address}/v1/samples", compression=None, close_timeout=0.1)
        broker.freeze()
        for frame in FRAMES:
            await phone.send(frame)
        await until(address, "har_unconfirmed", lambda value: value == 2, 30)
        await phone.close()
        assert await until(address, "har_connections", lambda value: value == 0, 30) < 1
        broker.unfreeze()


async def test_phones_are_turned_away_while_kafka_is_away_and_told_when_to_return(broker):
    async with gateway_on(broker, delivery_timeout_seconds=1) as address:
        url = f"ws://{address}/v1/samples"
        async with connect(url) as phone:
            broker.freeze()
            await phone.send(FRAMES[0])
            with pytest.raises(ConnectionClosed) as closed:
                while True:  # on a slow machine it is told to wait before
                    assert isinstance(await hear(phone), Waiting)
        assert closed.value.rcvd.code == 1013
        with pytest.raises(InvalidStatus) as rejected:
            await connect(url)
        response = rejected.value.response
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
        assert response.body == b"Kafka is away; keep your readings and try again in 2 s\n"
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
        await until(address, "har_unconfirmed", lambda value: value == 3, 30)
        asyncio.get_running_loop().call_later(0.5, broker.unfreeze)
        leaving = time.monotonic()
    assert time.monotonic() - leaving < 8
    assert [await hear(phone) for _ in range(3)] == [Accepted("s1", number) for number in range(3)]
    with pytest.raises(ConnectionClosed) as closed:
        await hear(phone)
    assert closed.value.rcvd.code == 1012


async def test_a_gateway_stops_within_seconds_while_kafka_is_frozen(broker):
    async with gateway_process(broker) as (gateway, address):
        phone = await connect(f"ws://{address}/v1/samples", compression=None)
        broker.freeze()
        try:
            for frame in FRAMES:
                await phone.send(frame)
            await until(address, "har_unconfirmed", lambda value: value == 16, 30)
            gateway.send_signal(signal.SIGTERM)
            asked = time.monotonic()
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    assert isinstance(await hear(phone), Waiting)
            assert closed.value.rcvd.code == 1012
            assert await asyncio.wait_for(gateway.wait(), 10) == 0
            assert time.monotonic() - asked < 5
        finally:
            broker.unfreeze()
