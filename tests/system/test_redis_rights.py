"""The rights in docs/redis.md are enough for each service, and none of them can be left out."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path

import pytest
import redis

from dashboard.limits import BrowserLimits
from dashboard.live_state import LiveState
from dashboard.redis_feed import RedisFeed
from deploy.ports import free_port
from har.gateway_messages import GatewayMessage
from har.live import RELEASES_KEY, device_key, stated_key
from har.predictions import encode_update
from har.process.redis_clients import failures_of, open_redis
from ingest.gateway.label_choices import LabelChoices
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.server_predictions import ServerPredictions
from model_store.server.redis_announcing import RedisAnnouncer
from stream_processor.live_state import LiveStateWriter
from stream_processor.metrics import ProcessorMetrics
from tests.redis_groups import cluster
from tests.redis_server import RedisServer
from tests.stream_processor.test_live_state import update
from tests.waiting import until

pytestmark = pytest.mark.redis

ROOT = Path(__file__).parents[2]
PASSWORD = "p@ss/word"
URL_PASSWORD = "p%40ss%2Fword"
RIGHTS = {
    found[1]: found[2].split()
    for found in re.finditer(r"^user har-(\w+) on >PASSWORD (.*)$", (ROOT / "docs/redis.md").read_text(), re.MULTILINE)
}
ON_A_CLUSTER = ["+cluster|slots", "+command"]

Verdict = str


async def running(work: Awaitable[None], verdict: Callable[[], Verdict | None]) -> Verdict:
    task = asyncio.ensure_future(work)
    try:
        return await until(verdict, "a verdict", 20, every=0.02)
    finally:
        task.cancel()
        await asyncio.wait([task])


def decided(status: str, is_done: bool) -> Verdict | None:
    if status == "rejecting":
        return status
    return "done" if is_done and status == "available" else None


async def processor(url: str, read: redis.Redis) -> Verdict:
    live = LiveStateWriter(url, latest_seconds=60, metrics=ProcessorMetrics())
    live.offer(update("phone-a", 1))

    def verdict() -> Verdict | None:
        report = live.report()
        has_written = not report.updates_waiting and not report.states_waiting
        return decided(report.status, has_written and read.exists(device_key("phone-a")) == 1)

    return await running(live.run(), verdict)


async def dashboard(url: str, read: redis.Redis) -> Verdict:
    state = LiveState(60, BrowserLimits())
    message = encode_update(update("phone-a", 1_790_000_000))
    read.set(device_key("phone-a"), message)
    feed = RedisFeed(url, state, max_devices=10)
    loop = asyncio.get_running_loop()
    complete_at: list[float] = []

    def verdict() -> Verdict | None:
        if len(state) < 2:
            read.publish("har:live", encode_update(update("phone-b", 1_790_000_000)))
        elif not complete_at:
            complete_at.append(loop.time())
        has_been_quiet = bool(complete_at) and loop.time() > complete_at[0] + 1.0
        return decided(state.redis.status, has_been_quiet)

    return await running(feed.run(), verdict)


class Page:
    def __init__(self) -> None:
        self.messages: list[GatewayMessage] = []

    async def notify(self, message: GatewayMessage) -> None:
        self.messages.append(message)


async def gateway(url: str, read: redis.Redis) -> Verdict:
    read.set(device_key("phone-a"), encode_update(update("phone-a", 1)))
    predictions, page = ServerPredictions(url, GatewayMetrics()), Page()
    async with aclosing(LabelChoices(url, GatewayMetrics())) as choices:
        await choices.note("phone-a", "tai_chi")
        await choices.of("phone-a")
    with predictions.listening(page, "phone-a"):
        verdict = await running(predictions.run(), lambda: decided(predictions.condition.status, bool(page.messages)))
    return verdict if choices.condition.status == "available" else choices.condition.status


async def store(url: str, read: redis.Redis) -> Verdict:
    announcer = RedisAnnouncer(url, look_seconds=0.05)
    announcer.offer("stable", b"announcement")
    return await running(announcer.run(), lambda: decided(announcer.condition.status, read.exists(RELEASES_KEY) == 1))


async def devices(url: str, read: redis.Redis) -> Verdict:
    def forget() -> Verdict:
        opened = open_redis(redis, url)
        try:
            with suppress(*failures_of(redis)):
                opened.client.delete(device_key("phone-a"))
                opened.client.delete(stated_key("phone-a"))
                return "done"
        finally:
            opened.close()
        return "rejecting"

    return await asyncio.to_thread(forget)


SERVICES = {check.__name__: check for check in (processor, dashboard, gateway, store, devices)}


def grant(client: redis.Redis, service: str, rights: list[str]) -> None:
    client.execute_command("ACL SETUSER", f"har-{service}", "reset", "on", f">{PASSWORD}", *rights)


def test_each_service_has_rights() -> None:
    assert RIGHTS.keys() == SERVICES.keys()


@pytest.mark.parametrize("service", SERVICES)
async def test_the_rights_are_enough_and_none_can_be_left_out(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.redis_feed.QUIET_SECONDS", 0.3)  # so that it pings
    with RedisServer(free_port(), tmp_path) as server, redis.Redis(port=server.port) as client:
        url = f"redis://har-{service}:{URL_PASSWORD}@127.0.0.1:{server.port}/0"
        grant(client, service, RIGHTS[service])
        assert await SERVICES[service](url, client) == "done"
        for right in [right for right in RIGHTS[service] if right.startswith(("+", "~"))]:
            client.flushall()
            grant(client, service, [other for other in RIGHTS[service] if other != right])
            assert await SERVICES[service](url, client) == "rejecting", right


@pytest.mark.long
async def test_the_rights_are_enough_on_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.redis_feed.QUIET_SECONDS", 0.3)
    with cluster(tmp_path) as ports:
        for port in ports:
            with redis.Redis(port=port) as client:
                for service, rights in RIGHTS.items():
                    grant(client, service, [*rights, *ON_A_CLUSTER])
        nodes = ",".join(f"127.0.0.1:{port}" for port in ports)
        opened = open_redis(redis, f"redis+cluster://{nodes}/")
        try:
            for service, check in SERVICES.items():
                url = f"redis+cluster://har-{service}:{URL_PASSWORD}@{nodes}/"
                assert await check(url, opened.client) == "done", service
        finally:
            opened.close()
