"""The only Kafka broker stopped, killed and frozen."""

import asyncio

import pytest

from tests.faults.conftest import PHONES, by_length, on_shared_stage
from tests.faults.harms import ALL_HARMS, AWAY_SECONDS, CALM_SECONDS, harms_of
from tests.faults.stage import witness_of

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(by_length(300, 1_800)), on_shared_stage]


@pytest.mark.parametrize("harm", by_length(["stopped", "frozen"], ALL_HARMS))
async def test_nothing_is_lost_while_the_only_broker_is_away(stage, apache_kafka, report, harm):
    await stage.start_phones(PHONES)
    damage, repair = harms_of(apache_kafka)[harm]
    async with witness_of(stage) as witness:
        await asyncio.sleep(CALM_SECONDS)
        await damage(1)
        await asyncio.sleep(AWAY_SECONDS)
        assert witness.notified.is_set()
        await repair(1)
        await asyncio.sleep(CALM_SECONDS)
    await stage.stop_phones()
    report(f"one broker, {harm} for {AWAY_SECONDS:g} s", await stage.audit())
