import asyncio

import pytest
from redis.asyncio import Redis

from deploy.ports import free_port
from har.live import LIVE_CHANNEL, device_key
from har.predictions import LiveUpdate, Prediction, Trace, decode_update
from stream_processor.live_state import MAX_WAITING, LiveStateWriter
from stream_processor.metrics import ProcessorMetrics
from tests.redis_server import RedisServer

pytestmark = pytest.mark.redis


def update(device: str, second: int) -> LiveUpdate:
    start = second * 1_000_000
    prediction = Prediction(device, "s", start, start + 4_000_000, "walk", 0.9, {"walk": 0.9, "sit": 0.1}, "r", start)
    return LiveUpdate(prediction, start, Trace(start, 20_000, [0.0], [0.0], [9.8]))


async def test_the_latest_update_is_kept_for_a_time_and_every_update_is_published(redis_url):
    metrics = ProcessorMetrics()
    live = LiveStateWriter(redis_url, latest_seconds=7, metrics=metrics)
    async with Redis.from_url(redis_url) as client, client.pubsub() as listener:
        await listener.subscribe(LIVE_CHANNEL)
        await listener.get_message(timeout=5)
        writing = asyncio.create_task(live.run())
        for second in range(3):
            live.offer(update("phone-a", second))
        received = [await listener.get_message(timeout=5) for _ in range(3)]
        assert [decode_update(message["data"]).prediction.start for message in received] == [0, 1_000_000, 2_000_000]
        latest = None
        while latest is None:
            latest = await client.get(device_key("phone-a"))
        assert decode_update(latest).prediction.start == 2_000_000
        assert 0 < await client.ttl(device_key("phone-a")) <= 7
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


async def test_updates_wait_while_redis_is_unavailable(tmp_path):
    port, metrics = free_port(), ProcessorMetrics()
    live = LiveStateWriter(f"redis://127.0.0.1:{port}/0", latest_seconds=60, metrics=metrics)
    writing = asyncio.create_task(live.run())
    for second in range(MAX_WAITING + 50):
        live.offer(update(f"phone-{second % 3}", second))
        if second == 10:
            await asyncio.sleep(0.3)
    assert metrics.live_dropped._value.get() == 50
    newest = MAX_WAITING + 49
    with RedisServer(port, tmp_path) as server:
        async with Redis.from_url(server.url) as client, asyncio.timeout(20):
            while True:
                latest = await client.get(device_key(f"phone-{newest % 3}"))
                if latest and decode_update(latest).prediction.start == newest * 1_000_000:
                    break
                await asyncio.sleep(0.05)
            while not metrics.redis_up._value.get():
                await asyncio.sleep(0.05)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
