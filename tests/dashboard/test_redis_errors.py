"""The dashboard at a Redis that answers with errors, behind Sentinel, and as a cluster."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis, RedisCluster

from dashboard.limits import BrowserLimits
from har.live import FAULTS_CHANNEL, LIVE_CHANNEL, device_key
from har.notices import LiveFault, encode_notice
from har.predictions import encode_update
from tests.dashboard.conftest import RunDashboard
from tests.dashboard.dashboard_feeding import live_client, make_update, publish, subscribed, whole_second
from tests.dashboard.test_server import request
from tests.redis_groups import cluster, sentinel_group

pytestmark = pytest.mark.redis

QUICK = BrowserLimits(delta_interval=0.02, heartbeat=0.05)


@pytest.fixture
def base() -> int:
    return whole_second()


async def health(port: int) -> dict[str, Any]:
    _, body = await request(port, "/healthz")
    return msgspec.json.decode(body, type=dict)


async def test_a_redis_that_rejects_the_subscription_is_not_called_available(
    run_dashboard: RunDashboard, publisher: Redis, base: int
) -> None:
    await publisher.acl_setuser("default", enabled=True, nopass=True, commands=["+@all", "-subscribe"], keys=["*"])
    async with run_dashboard(limits=QUICK) as port, live_client(port) as client:
        view = await client.until(lambda view: view.status["redis_unavailable_since"] is not None)
        assert view.status["redis_error"].startswith("NOPERM")
        assert await health(port) == {
            "status": "ok",
            "redis": "rejecting",
            "redis_error": "NOPERM",
            "seconds_without_update": None,
        }
        await publisher.acl_setuser("default", enabled=True, nopass=True, commands=["+@all"], keys=["*"])
        await client.until(lambda view: view.status["redis_unavailable_since"] is None)
        assert client.view.status["redis_error"] is None
        await publish(publisher, make_update("phone-1", base=base))
        await client.until(lambda view: view.status["newest_update"] is not None)
        state = await health(port)
        assert (state["redis"], state["redis_error"]) == ("available", None)
        assert 0 <= state["seconds_without_update"] < 20


async def test_keys_of_another_type_are_passed_over(run_dashboard: RunDashboard, publisher: Redis, base: int) -> None:
    await publisher.hset(device_key("a"), "another", "system")
    await publisher.set(device_key("b"), b"\xff\xfe")
    await publisher.set(device_key("phone-1"), encode_update(make_update("phone-1", base=base)))
    async with run_dashboard(limits=QUICK) as port, live_client(port) as client:
        view = await client.until(lambda view: view.status["undecodable"] == 2 and "phone-1" in view.devices)
        assert view.status["redis_unavailable_since"] is None


async def test_processors_report_what_redis_rejects(run_dashboard: RunDashboard, publisher: Redis) -> None:
    async with run_dashboard(limits=QUICK) as port, live_client(port) as client:
        await subscribed(publisher)
        await publisher.publish(FAULTS_CHANNEL, b"{}")
        for worker in ("a-1", "b-2"):
            await publisher.publish(FAULTS_CHANNEL, encode_notice(LiveFault(worker, 1, "OOM no memory.")))
        view = await client.until(lambda view: "2 processors" in (view.status["live_fault"] or ""))
        assert view.status["live_fault"] == "2 processors cannot keep the latest predictions in Redis: OOM no memory."
        # Without a notice of the end, a page would report a fault of the past for half a minute.
        await publisher.publish(FAULTS_CHANNEL, encode_notice(LiveFault("b-2", 1, "OOM no memory.", ended=True)))
        await client.until(lambda view: (view.status["live_fault"] or "").startswith("A processor cannot"))
        await publisher.publish(FAULTS_CHANNEL, encode_notice(LiveFault("a-1", 1, "OOM no memory.", ended=True)))
        view = await client.until(lambda view: view.status["live_fault"] is None)
        assert view.status["undecodable"] == 1


@pytest.mark.slow
async def test_reads_a_cluster(run_dashboard: RunDashboard, tmp_path: Path, base: int) -> None:
    (tmp_path / "cluster").mkdir()
    with cluster(tmp_path / "cluster") as ports:
        async with RedisCluster(host="127.0.0.1", port=ports[1]) as publisher:
            for number in range(12):  # on all three nodes
                update = make_update(f"phone-{number}", base=base)
                await publisher.set(device_key(f"phone-{number}"), encode_update(update))
            url = "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports)
            async with run_dashboard(limits=QUICK, redis_url=url) as port, live_client(port) as client:
                await client.until(lambda view: len(view.devices) == 12)
                for node in ports:
                    async with Redis(port=node) as one:
                        await one.publish(LIVE_CHANNEL, encode_update(make_update(f"from-{node}", base=base)))
                await client.until(lambda view: {f"from-{node}" for node in ports} <= view.devices.keys())


@pytest.mark.slow
async def test_follows_a_failover_of_sentinel(run_dashboard: RunDashboard, tmp_path: Path, base: int) -> None:
    (tmp_path / "sentinel").mkdir()
    with sentinel_group(tmp_path / "sentinel") as group:
        async with run_dashboard(limits=QUICK, redis_url=group.url) as port, live_client(port) as client:
            async with Redis(port=group.master.port) as master:
                await subscribed(master)
                await publish(master, make_update("phone-1", base=base))
            await client.until(lambda view: "phone-1" in view.devices)
            group.master.kill()
            await client.until(lambda view: view.status["redis_unavailable_since"] is not None)
            await client.until(lambda view: view.status["redis_unavailable_since"] is None, seconds=60)
            assert group.master_port() == group.replica.port
            async with Redis(port=group.replica.port) as master:
                await subscribed(master)
                await publish(master, make_update("phone-2", base=base))
            await client.until(lambda view: "phone-2" in view.devices)
