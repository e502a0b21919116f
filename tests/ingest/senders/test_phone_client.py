import asyncio
import itertools
import json
import threading
import time

import numpy as np
import pytest
from websockets.asyncio.server import serve

from har.binary_samples import decode_batch
from har.gateway_messages import Accepted, Waiting, encode_message
from ingest.senders.disconnects import GatewayRejectsError
from ingest.senders.phone_client import PhoneClient
from tests.batches import live_batches
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import arrived, gateway_on

EVERYTHING = live_batches(30)
TIMES = np.concatenate([batch.times for batch in EVERYTHING])
AXES = np.concatenate([batch.axes for batch in EVERYTHING])


async def test_readings_are_batched_sent_and_confirmed(broker):
    accepted = []
    async with gateway_on(broker) as address:
        url = f"ws://{address}/v1/samples"
        async with PhoneClient(url, "p", batch_readings=64, on_accepted=accepted.append) as phone:
            for begin in range(0, len(TIMES), 7):
                await phone.send(TIMES[begin : begin + 7], AXES[begin : begin + 7])
    batches = arrived(broker, 24)
    assert [batch.sequence for batch in accepted] == list(range(24))
    assert np.concatenate([batch.times for batch in batches]).tolist() == TIMES.tolist()
    assert np.concatenate([batch.axes for batch in batches]).tobytes() == AXES.tobytes()
    assert phone.unconfirmed == 0


async def test_a_restart_of_the_gateway_loses_nothing(broker):
    async with gateway_on(broker) as address:
        port = int(address.split(":")[1])
        phone = PhoneClient(f"ws://{address}/v1/samples", "p", batch_readings=50)
        await phone.__aenter__()
        await phone.send(TIMES[:500], AXES[:500])
        while phone.unconfirmed:
            await asyncio.sleep(0.02)
    await phone.send(TIMES[500:1_000], AXES[500:1_000])  # no gateway runs
    assert phone.unconfirmed >= 10
    async with gateway_on(broker, port=port):
        await phone.send(TIMES[1_000:], AXES[1_000:])
        await phone.__aexit__(None, None, None)
    arrived(broker, 30)
    assert phone.accepted == 30
    assert phone.connections == 2


async def test_a_phone_buffers_while_kafka_is_unavailable_and_resumes(broker):
    async with gateway_on(broker, delivery_timeout_seconds=1.5) as address:
        cut_off = asyncio.Event()
        async with PhoneClient(f"ws://{address}/v1/samples", "p", on_disconnected=cut_off.set) as phone:
            await phone.send(TIMES[:500], AXES[:500])
            while phone.unconfirmed:
                await asyncio.sleep(0.02)
            broker.freeze()
            await phone.send(TIMES[500:], AXES[500:])
            await asyncio.wait_for(cut_off.wait(), 60)
            assert phone.accepted == 10
            broker.unfreeze()
        assert phone.accepted == 30
    arrived(broker, 30)


async def test_a_full_buffer_makes_the_sender_wait():
    async def fill(phone):
        await phone.send(TIMES, AXES)

    phone = PhoneClient("ws://127.0.0.1:9/v1/samples", "p", batch_readings=50, max_buffered=5)
    await phone.__aenter__()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(fill(phone), 0.5)
    assert phone.unconfirmed == 5
    await phone.__aexit__(TimeoutError, TimeoutError(), None)


@on_one_broker
async def test_a_rejected_batch_is_reported_and_the_others_are_accepted(broker, caplog):
    rejected = []
    axes = AXES.copy()
    axes[[120, 320]] = np.nan
    async with gateway_on(broker) as address:
        url = f"ws://{address}/v1/samples"
        async with PhoneClient(
            url, "p", on_rejected=lambda batch, answer: rejected.append((batch.sequence, answer.code))
        ) as phone:
            await phone.send(TIMES, axes)
    assert rejected == [(2, "not_finite"), (6, "not_finite")]
    assert phone.accepted == 28
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [text[:29] for text in warned if "gateway rejected" in text] == ["p: gateway rejected batch 2: "]


async def test_times_that_do_not_increase_raise():
    phone = PhoneClient("ws://127.0.0.1:9/v1/samples", "p")
    with pytest.raises(ValueError, match="strictly increase"):
        await phone.send(TIMES[:2][::-1], AXES[:2])


async def test_leaving_the_context_waits_no_longer_than_finish_seconds():
    async with asyncio.timeout(10):
        async with PhoneClient("ws://127.0.0.1:9/v1/samples", "p", finish_seconds=0.3) as phone:
            await phone.send(TIMES[:100], AXES[:100])
    assert phone.unconfirmed == 2


async def test_an_invalid_url_is_not_retried():
    phone = PhoneClient("127.0.0.1:9/v1/samples", "p", max_buffered=1)
    with pytest.raises(GatewayRejectsError, match="isn't a valid URI"):
        async with phone:
            await phone.send(TIMES, AXES)


@on_one_broker
async def test_a_wrong_token_is_not_retried(broker):
    async with gateway_on(broker, token="right") as address:
        phone = PhoneClient(f"ws://{address}/v1/samples", "p", token="wrong", max_buffered=1)
        with pytest.raises(GatewayRejectsError, match="401"):
            async with phone:
                await phone.send(TIMES, AXES)


def test_an_invalid_device_name_is_rejected_at_once():
    with pytest.raises(ValueError, match="device"):
        PhoneClient("ws://127.0.0.1:9", "my phone!")


async def test_a_producer_that_is_replaced_leaves_no_thread_behind(broker):
    def senders() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if "producer" in thread.name.lower()}

    before = senders()
    async with gateway_on(broker, delivery_timeout_seconds=1) as address:
        cut_off = asyncio.Event()
        async with PhoneClient(f"ws://{address}/v1/samples", "p", on_disconnected=cut_off.set) as phone:
            broker.freeze()
            await phone.send(TIMES, AXES)
            await asyncio.wait_for(cut_off.wait(), 60)
            broker.unfreeze()
        assert phone.accepted == 30
    async with asyncio.timeout(10):
        while senders() - before:
            await asyncio.sleep(0.05)


async def test_unknown_messages_are_ignored_and_a_phone_reconnects_no_sooner_than_retry_after():
    requested_at = []

    def reject_first(connection, _):
        requested_at.append(time.monotonic())
        if len(requested_at) > 1:
            return None
        response = connection.respond(503, "later\n")
        response.headers["Retry-After"] = "1"
        return response

    async def answer(connection):
        await connection.send(json.dumps({"type": "praise", "stars": 5}))
        async for frame in connection:
            batch = decode_batch(frame)
            await connection.send(encode_message(Accepted(batch.session, batch.sequence)))

    async with serve(answer, "127.0.0.1", 0, process_request=reject_first) as server:
        port = server.sockets[0].getsockname()[1]
        async with PhoneClient(f"ws://127.0.0.1:{port}", "p") as phone:
            await phone.send(TIMES, AXES)
    assert phone.accepted == 30
    assert 1 <= requested_at[1] - requested_at[0] < 2


@pytest.mark.parametrize(("code", "least", "most"), [(1013, 3, 5), (1008, 1, 1)])
async def test_a_phone_backs_off_from_a_gateway_that_closes_every_connection(code, least, most):
    connected_at = []

    async def close(connection):
        connected_at.append(time.monotonic())
        await connection.close(code)

    async with serve(close, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with PhoneClient(url, "p", finish_seconds=2) as phone:
            await phone.send(TIMES, AXES)
    assert least <= len(connected_at) <= most
    pauses = np.diff(connected_at)
    assert all(longer > 1.3 * shorter for shorter, longer in itertools.pairwise(pauses))


async def test_a_sender_that_is_cancelled_while_the_buffer_is_full_loses_no_reading():
    async def accept(connection):
        async for frame in connection:
            batch = decode_batch(frame)
            received.append(batch)
            await connection.send(encode_message(Accepted(batch.session, batch.sequence)))

    received = []
    async with serve(accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with PhoneClient(f"ws://127.0.0.1:{port}", "p", max_buffered=2) as phone:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await phone.send(TIMES[:250], AXES[:250])
            await phone.send(TIMES[250:], AXES[250:])
    assert [batch.sequence for batch in received] == list(range(30))
    assert np.concatenate([batch.times for batch in received]).tolist() == TIMES.tolist()


async def test_one_wait_over_two_connections_is_reported_once_and_the_next_one_again():
    reported, connections = [], []

    async def make_wait(connection):
        connections.append(connection)
        await connection.send(encode_message(Waiting("kafka", 2.0)))
        async for frame in connection:
            if len(connections) == 1:
                return await connection.close(1013)
            batch = decode_batch(frame)
            await connection.send(encode_message(Accepted(batch.session, batch.sequence)))
            if batch.sequence == 0:
                await connection.send(encode_message(Waiting("room", 3.0)))

    async with serve(make_wait, "127.0.0.1", 0, close_timeout=0.2) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with PhoneClient(url, "p", on_waiting=reported.append) as phone:
            await phone.send(TIMES, AXES)
    assert phone.connections == 2
    assert [waiting.reason for waiting in reported] == ["kafka", "room"]
