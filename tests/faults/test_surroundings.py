"""Redis, the gateway and the dashboard away."""

import asyncio
import signal

import pytest
import redis

from deploy.stack import DASHBOARD, GATEWAY
from har.live import device_key
from tests.faults.conftest import PHONES, by_length, not_in_short_run, on_shared_stage
from tests.faults.stage import FreshPredictions
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(by_length(300, 1_800)), on_shared_stage]
SERVICES = (GATEWAY, DASHBOARD)


async def test_without_redis_predictions_reach_kafka_and_redis_catches_up(stage, report):
    await stage.start_phones(PHONES)
    processor = stage.part("processor").process.pid
    with FreshPredictions(stage) as predictions:
        await predictions.wait_for_more(0)
        await stage.kill("redis")
        await stage.group.stop(stage.part("redis"))  # its remaining child processes
        for _ in range(by_length(5, 12)):
            before = predictions.count
            await asyncio.sleep(by_length(1, 5))
            await predictions.wait_for_more(before, 5)
    await stage.stack.start_redis()
    with redis.Redis.from_url(stage.stack.addresses.redis_url) as store:
        keys = [device_key(device) for device in stage.devices]
        await until(lambda: store.exists(*keys) == PHONES, "every phone's state in Redis", 30)
    assert stage.part("processor").process.pid == processor
    await stage.stop_phones()
    report(f"Redis killed and away for {by_length(5, 60):g} s", await stage.audit())


@not_in_short_run  # tests/system/test_faults.py kills a gateway
async def test_nothing_is_lost_while_the_gateway_is_killed_repeatedly(stage, report):
    await stage.start_phones(PHONES)
    times = by_length(4, 30)
    await stage.kill_often("gateway", times, [signal.SIGKILL], by_length(5, 10))
    await stage.stop_phones()
    report(f"the gateway killed {times} times", await stage.audit())


@not_in_short_run  # tests/system/test_live_page.py stops the dashboard
async def test_no_other_part_is_affected_while_the_dashboard_is_away(stage, report):
    await stage.start_phones(PHONES)
    others = ["processor", "gateway"]
    before = [stage.part(name).process.pid for name in others]
    await stage.group.stop(stage.part("dashboard"))
    with FreshPredictions(stage) as predictions:
        await asyncio.sleep(by_length(5, 30))
        await predictions.wait_for_more(predictions.count)
    assert [stage.part(name).process.pid for name in others] == before
    await stage.stop_phones()
    report("the dashboard away", await stage.audit())
