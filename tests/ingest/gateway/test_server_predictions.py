"""Predictions for phone pages, from a Redis that holds other values, or answers with errors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis

from deploy.ports import free_port
from har.gateway_messages import GatewayMessage, ServerPrediction
from har.live import device_key
from har.predictions import encode_update
from har.process.background import BackgroundError
from ingest.gateway.command import serve_until_stopped
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.server_predictions import ServerPredictions
from ingest.gateway.settings import GatewaySettings
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import gateway_on, page
from tests.redis_server import RedisServer
from tests.stream_processor.test_live_state import update

pytestmark = pytest.mark.redis


class Page:
    def __init__(self) -> None:
        self.received: asyncio.Queue[GatewayMessage] = asyncio.Queue()

    async def notify(self, message: GatewayMessage) -> None:
        self.received.put_nowait(message)

    async def next_start(self) -> int:
        async with asyncio.timeout(20):
            message = await self.received.get()
        assert isinstance(message, ServerPrediction)
        return message.prediction.start


@asynccontextmanager
async def following(predictions: ServerPredictions) -> AsyncIterator[None]:
    task = asyncio.create_task(predictions.run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_values_of_other_systems_delay_no_other_device(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with RedisServer(free_port(), tmp_path) as server:
        async with Redis.from_url(server.url) as client:
            await client.hset(device_key("a"), "another", "system")
            await client.set(device_key("b"), b"\xff\xfe not UTF-8")
            predictions, pages = ServerPredictions(server.url, GatewayMetrics()), [Page(), Page(), Page()]
            with (
                predictions.listening(pages[0], "a"),
                predictions.listening(pages[1], "b"),
                predictions.listening(pages[2], "c"),
            ):
                async with following(predictions):
                    for second in range(3):
                        await client.set(device_key("c"), encode_update(update("c", second)))
                        assert await pages[2].next_start() == second * 1_000_000
                    for name in ("a", "b"):
                        await client.delete(device_key(name))
                        await client.set(device_key(name), encode_update(update(name, 7)))
                    assert [await each.next_start() for each in pages[:2]] == [7_000_000, 7_000_000]
    for reason in ("WRONGTYPE", "cannot decode the update of b"):
        assert sum(reason in record.getMessage() for record in caplog.records) == 1


async def test_an_error_of_redis_is_counted_and_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    metrics = GatewayMetrics()
    with RedisServer(free_port(), tmp_path) as server:
        async with Redis.from_url(server.url) as client:
            await client.acl_setuser("default", enabled=True, nopass=True, commands=["+@all", "-get"], keys=["*"])
            predictions, phone = ServerPredictions(server.url, metrics), Page()
            with predictions.listening(phone, "c"):
                async with following(predictions), asyncio.timeout(20):
                    while metrics.redis_errors.labels("NOPERM")._value.get() < 2:
                        await asyncio.sleep(0.02)
                    assert predictions.condition.status == "rejecting"
                    assert metrics.redis_up._value.get() == 0
                    await client.acl_setuser("default", enabled=True, nopass=True, commands=["+@all"], keys=["*"])
                    await client.set(device_key("c"), encode_update(update("c", 1)))
                    assert await phone.next_start() == 1_000_000
                    while not metrics.redis_up._value.get():  # set after the pages were notified
                        await asyncio.sleep(0.02)
    assert sum("Redis answers: NOPERM" in record.getMessage() for record in caplog.records) == 1


@on_one_broker
async def test_the_health_page_names_redis_only_if_there_is_one(broker) -> None:
    async with gateway_on(broker, redis_url="redis://127.0.0.1:1/0") as address:
        assert await page(address, "/healthz") == "ok\nredis: untried\n"


@on_one_broker
async def test_a_gateway_ends_if_a_part_of_it_fails(broker, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: ServerPredictions) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(ServerPredictions, "run", fail)
    with pytest.raises(BackgroundError, match=r"cannot forward predictions .* any more .*a bug"):
        async with asyncio.timeout(30):
            await serve_until_stopped(GatewaySettings(bootstrap=broker.bootstrap, port=0))


async def test_a_page_gets_the_kind_of_background_in_the_words_of_the_release(tmp_path: Path) -> None:
    with RedisServer(free_port(), tmp_path) as server:
        predictions, phone = ServerPredictions(server.url, GatewayMetrics()), Page()
        with predictions.listening(phone, "a"):
            async with following(predictions), Redis.from_url(server.url) as client:
                titled = msgspec.structs.replace(update("a", 1), kind_title="on a desk")
                await client.set(device_key("a"), encode_update(titled))
                async with asyncio.timeout(20):
                    message = await phone.received.get()
        assert message == ServerPrediction(titled.prediction, "on a desk")
