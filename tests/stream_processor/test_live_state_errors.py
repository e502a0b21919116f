"""A Redis that answers with errors, and Redis as operators run it: Sentinel and cluster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import redis
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from deploy.ports import free_port
from har.live import FAULTS_CHANNEL, LIVE_CHANNEL, device_key
from har.notices import LiveFault, decode_notice
from har.predictions import decode_update
from stream_processor import latest_states
from stream_processor.live_state import LiveStateWriter
from stream_processor.metrics import ProcessorMetrics
from tests import waiting
from tests.cuttable_network import CuttableNetwork
from tests.redis_groups import SLOTS, cluster, sentinel_group
from tests.redis_server import RedisServer
from tests.stream_processor.test_live_state import update

pytestmark = pytest.mark.redis


@asynccontextmanager
async def writing(url: str, metrics: ProcessorMetrics | None = None) -> AsyncIterator[LiveStateWriter]:
    live = LiveStateWriter(url, latest_seconds=60, metrics=metrics or ProcessorMetrics())
    task = asyncio.create_task(live.run())
    try:
        yield live
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def listening(url: str, *channels: str) -> AsyncIterator[PubSub]:
    async with Redis.from_url(url) as client, client.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe(*channels)
        for _ in channels:
            await channel.get_message(timeout=5)
        yield channel


async def published(channel: PubSub, count: int, *, quiet: float = 0.0) -> list[int]:
    """Return the seconds of the next `count` updates, and of all that come within the `quiet` seconds after them."""
    seconds: list[int] = []
    async with asyncio.timeout(20):
        while True:
            message = await channel.get_message(timeout=1.0 if len(seconds) < count else quiet)
            if message is not None:
                seconds.append(decode_update(message["data"]).prediction.start // 1_000_000)
            if len(seconds) >= count and message is None:
                return seconds


until = partial(waiting.until, what="the writer or Redis", seconds=20, every=0.02)


async def latest(client: Redis, device: str) -> int:
    message = await client.get(device_key(device))
    return decode_update(message).prediction.start // 1_000_000 if message else -1


async def has_latest(client: Redis, device: str, second: int) -> bool:
    return await latest(client, device) == second


async def run_out_of_memory(client: Redis) -> None:
    await client.config_set("maxmemory", 1)


async def have_memory(client: Redis) -> None:
    await client.config_set("maxmemory", 0)


async def become_a_replica(client: Redis) -> None:
    await client.replicaof("127.0.0.1", 1)


async def become_a_master(client: Redis) -> None:
    await client.replicaof("NO", "ONE")


async def fail_to_save(client: Redis) -> None:
    """Let Redis stop writes, because it cannot save its data."""
    await client.config_set("save", "3600 1")
    await client.config_set("rdbcompression", "no")
    await client.config_set("dbfilename", "folder")
    await client.bgsave()
    while (await client.info())["rdb_last_bgsave_status"] != "err":
        await asyncio.sleep(0.05)


async def save_nothing(client: Redis) -> None:
    await client.config_set("save", "")
    await client.config_set("stop-writes-on-bgsave-error", "no")


async def forbid_keys(client: Redis) -> None:
    await client.acl_setuser("default", enabled=True, nopass=True, commands=["+@all", "-set"], keys=["*"])


async def allow_keys(client: Redis) -> None:
    await client.acl_setuser("default", enabled=True, nopass=True, commands=["+@all"], keys=["*"])


HARMS = {
    "OOM": (run_out_of_memory, have_memory),
    "READONLY": (become_a_replica, become_a_master),
    "MISCONF": (fail_to_save, save_nothing),
    "NOPERM": (forbid_keys, allow_keys),
}


async def next_fault(faults: PubSub) -> LiveFault:
    """Return the next notice for dashboards that this processor cannot keep the keys, or can again."""
    message = None
    async with asyncio.timeout(20):
        while message is None:
            message = await faults.get_message(timeout=5)
    return decode_notice(message["data"], LiveFault)


@pytest.mark.parametrize("code", HARMS)
async def test_updates_are_published_once_while_redis_rejects_the_keys(code: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    harm, repair = HARMS[code]
    metrics = ProcessorMetrics()
    with RedisServer(free_port(), tmp_path) as server:
        async with (
            Redis.from_url(server.url) as client,
            listening(server.url, LIVE_CHANNEL) as channel,
            listening(server.url, FAULTS_CHANNEL) as faults,
            writing(server.url, metrics) as live,
        ):
            await harm(client)
            for second in range(20):
                live.offer(update("phone-a", second))
                live.offer(update("phone-b", second))
            await until(lambda: live.report().status == "rejecting")
            # Two more attempts to set the keys: nothing is published again.
            await until(lambda: metrics.redis_errors.labels(code)._value.get() >= 3)
            assert sorted(await published(channel, 40, quiet=0.3)) == sorted([*range(20), *range(20)])
            report = live.report()
            assert (report.updates_waiting, report.states_waiting) == (0, 2)
            assert report.error is not None
            assert report.error.startswith(code)
            assert metrics.redis_up._value.get() == 0
            notice = await next_fault(faults)
            assert notice.detail.startswith(code)
            assert not notice.ended

            await repair(client)
            await until(lambda: live.report().status == "available")
            assert (await latest(client, "phone-a"), await latest(client, "phone-b")) == (19, 19)
            assert metrics.redis_up._value.get() == 1
            assert await published(channel, 0, quiet=0.3) == []
            while not notice.ended:
                notice = await next_fault(faults)
            assert notice.detail.startswith(code)


async def test_updates_on_their_way_are_published_once_when_redis_has_become_a_replica(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest_states, "FIRST_PAUSE_SECONDS", 0.002)
    monkeypatch.setattr(latest_states, "LONGEST_PAUSE_SECONDS", 0.002)
    with RedisServer(free_port(), tmp_path) as server:
        async with (
            Redis.from_url(server.url) as client,
            listening(server.url, LIVE_CHANNEL) as channel,
            writing(server.url) as live,
        ):
            await client.config_set("client-output-buffer-limit", "pubsub 0 0 0")
            await become_a_replica(client)
            for second in range(0, 10_000, 100):  # during many attempts to write keys
                for each in range(second, second + 100):
                    live.offer(update("phone-a", each))
                await asyncio.sleep(0.005)
            assert live.report().status == "rejecting"
            assert await published(channel, 10_000, quiet=0.3) == [*range(10_000)]


async def test_updates_wait_while_redis_rejects_publications(tmp_path: Path) -> None:
    with RedisServer(free_port(), tmp_path) as server:
        async with (
            Redis.from_url(server.url) as client,
            listening(server.url, LIVE_CHANNEL) as channel,
            writing(server.url) as live,
        ):
            await client.acl_setuser("default", enabled=True, nopass=True, commands=["+@all", "-publish"], keys=["*"])
            for second in range(3):
                live.offer(update("phone-a", second))
            await until(lambda: live.report().status == "rejecting")
            report = live.report()
            assert (report.updates_waiting, (report.error or "")[:6]) == (3, "NOPERM")
            await until(lambda: has_latest(client, "phone-a", 2))  # the keys do not wait for the channel
            await client.acl_setuser("default", enabled=True, nopass=True, commands=["+@all"], keys=["*"])
            assert await published(channel, 3, quiet=0.3) == [0, 1, 2]


@pytest.mark.parametrize("protocol", [2, 3])
async def test_a_missing_password_is_named_as_such(protocol: int, tmp_path: Path) -> None:
    metrics = ProcessorMetrics()
    with RedisServer(free_port(), tmp_path) as server, redis.Redis(port=server.port) as client:
        client.config_set("requirepass", "secret")
        async with writing(f"{server.url}?protocol={protocol}", metrics) as live:
            live.offer(update("phone-a", 1))
            await until(lambda: metrics.redis_errors.labels("NOAUTH")._value.get() >= 2)
            assert live.report().status == "rejecting"
            assert (live.report().error or "").startswith("NOAUTH")


async def test_a_wrong_password_is_named_as_such(tmp_path: Path) -> None:
    metrics = ProcessorMetrics()
    with RedisServer(free_port(), tmp_path) as server:
        async with (
            Redis.from_url(server.url) as client,
            writing(f"redis://someone:wrong@127.0.0.1:{server.port}/0", metrics) as live,
        ):
            live.offer(update("phone-a", 1))
            await until(lambda: metrics.redis_errors.labels("WRONGPASS")._value.get() >= 2)
            report = live.report()
            assert report.status == "rejecting"
            assert "wrong@" not in str(report)
            await client.acl_setuser(
                "someone",
                enabled=True,
                passwords=["+wrong"],
                commands=["+set", "+publish"],
                keys=["har:*"],
                channels=["*"],
            )
            await until(lambda: live.report().status == "available")


async def test_too_many_clients_and_a_busy_script_are_named(tmp_path: Path) -> None:
    metrics = ProcessorMetrics()
    with RedisServer(free_port(), tmp_path, options=("--maxclients", "2", "--lua-time-limit", "100")) as server:
        async with (
            Redis.from_url(server.url) as one,
            Redis.from_url(server.url) as two,
            writing(server.url, metrics) as live,
        ):
            await one.ping()
            await two.ping()
            live.offer(update("phone-a", 1))
            await until(lambda: metrics.redis_errors.labels("MAXCLIENTS")._value.get() >= 1)
            await two.config_set("maxclients", 100)
            await until(lambda: live.report().status == "available")
            looping = asyncio.create_task(one.eval("while true do end", 0))
            async with asyncio.timeout(20):
                while not metrics.redis_errors.labels("BUSY")._value.get():
                    live.offer(update("phone-a", 2))
                    await asyncio.sleep(0.1)
            await two.script_kill()
            await asyncio.wait([looping])
            assert looping.exception() is not None
            await until(lambda: live.report().status == "available")
            assert await latest(two, "phone-a") == 2


async def test_updates_follow_a_name_that_belongs_to_a_new_master(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    with (
        RedisServer(free_port(), tmp_path / "old") as old,
        RedisServer(free_port(), tmp_path / "new") as new,
        CuttableNetwork(old.port) as network,
    ):
        async with (
            Redis.from_url(old.url) as client,
            Redis.from_url(new.url) as promoted,
            listening(new.url, LIVE_CHANNEL) as channel,
            writing(f"redis://127.0.0.1:{network.port}/0") as live,
        ):
            live.offer(update("phone-a", 1))
            await until(lambda: live.report().status == "available" and not live.report().states_waiting)
            assert await latest(client, "phone-a") == 1
            await client.replicaof("127.0.0.1", 1)
            network.lead_to(new.port)
            live.offer(update("phone-a", 2))
            await until(lambda: live.report().status == "rejecting")
            await until(lambda: live.report().status == "available")
            assert await latest(promoted, "phone-a") == 2
            live.offer(update("phone-a", 3))
            assert 3 in await published(channel, 1, quiet=0.3)


@pytest.mark.slow
async def test_updates_reach_a_cluster(tmp_path: Path) -> None:
    with cluster(tmp_path) as ports:
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports)
        async with (
            listening(f"redis://127.0.0.1:{ports[2]}", LIVE_CHANNEL) as channel,
            Redis(port=ports[0]) as client,
            writing(url) as live,
            AsyncExitStack() as running,
        ):
            for second in range(5):
                for device in range(8):  # of all three nodes
                    live.offer(update(f"phone-{device}", second))
            assert len(await published(channel, 40, quiet=0.3)) == 40
            await until(lambda: live.report().states_waiting == 0)
            assert live.report().status == "available"
            sizes = []
            for port in ports:
                async with Redis(port=port) as node:
                    sizes.append(await node.dbsize())
            assert sum(sizes) == 8
            assert min(sizes) > 0
            slot = await client.execute_command("CLUSTER KEYSLOT", device_key("phone-0"))
            owner = await running.enter_async_context(Redis(port=ports[3 * slot // SLOTS]))
            await owner.execute_command("CLUSTER DELSLOTS", slot)
            live.offer(update("phone-0", 6))
            await until(lambda: live.report().status == "rejecting")
            assert (live.report().error or "").startswith("CLUSTERDOWN")
            await owner.execute_command("CLUSTER ADDSLOTS", slot)
            await until(lambda: live.report().status == "available")


@pytest.mark.slow
async def test_updates_follow_a_failover_of_sentinel(tmp_path: Path) -> None:
    with sentinel_group(tmp_path) as group:
        async with writing(group.url) as live:
            live.offer(update("phone-a", 1))
            async with Redis.from_url(group.master.url) as client:
                await until(lambda: has_latest(client, "phone-a", 1))
            group.master.kill()
            live.offer(update("phone-a", 2))
            await until(lambda: live.report().status == "unavailable")
            await until(lambda: live.report().status == "available")
            async with Redis.from_url(group.replica.url) as client:
                assert await latest(client, "phone-a") == 2
            assert group.master_port() == group.replica.port


async def test_notices_that_redis_rejects_delay_no_update(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with RedisServer(free_port(), tmp_path) as server:
        async with Redis.from_url(server.url) as client, writing(server.url) as live:
            # As for a processor of an older version: it may not publish notices. Rejected keys give rise to some.
            await client.execute_command("ACL", "SETUSER", "default", "resetchannels", f"&{LIVE_CHANNEL}", "-set")
            async with listening(server.url, LIVE_CHANNEL) as channel:
                live.offer(update("phone", 0))
                assert await published(channel, 1) == [0]
                await until(lambda: "publish notices" in caplog.text)
                for second in range(1, 5_001):  # ten trips, and a pause after each would be far too long
                    live.offer(update("phone", second))
                assert await published(channel, 5_000) == list(range(1, 5_001))
            assert "cannot publish notices for dashboards, trying again: Redis answers: NOPERM" in caplog.text
