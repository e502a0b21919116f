"""One and two of three Kafka brokers killed, stopped and frozen."""

import asyncio

import pytest

from tests.brokers import on_three_brokers
from tests.faults.conftest import PHONES, by_length, not_in_short_run, on_shared_stage
from tests.faults.harms import ALL_HARMS, AWAY_SECONDS, CALM_SECONDS, harms_of
from tests.faults.stage import FreshPredictions, witness_of
from tests.waiting import until

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.timeout(by_length(300, 1_800)),
    on_three_brokers,
    on_shared_stage,
    # Short tests: test_brokers.py stops the only broker, tests/deploy/test_kafka_cluster.py stops two of three.
    not_in_short_run,
]
KAFKA = "kafka_cluster"


@pytest.mark.parametrize("harm", ALL_HARMS)
async def test_each_of_three_brokers_may_be_away(stage, kafka_cluster, report, harm):
    await stage.start_phones(PHONES)
    damage, repair = harms_of(kafka_cluster)[harm]
    with FreshPredictions(stage) as predictions:
        for broker in kafka_cluster.brokers:
            await asyncio.sleep(CALM_SECONDS)
            await damage(broker)
            before = predictions.count
            await asyncio.sleep(AWAY_SECONDS)
            if harm != "frozen":  # a frozen broker leads until the controller detects it, which takes seconds
                await predictions.wait_for_more(before)
            await repair(broker)
    await asyncio.sleep(CALM_SECONDS)
    await stage.stop_phones()
    report(f"three brokers, each in turn {harm} for {AWAY_SECONDS:g} s", await stage.audit())


@pytest.mark.parametrize("harm", ["killed", "frozen"])
async def test_with_two_of_three_brokers_away_writes_stop_and_phones_are_notified(stage, kafka_cluster, report, harm):
    await stage.start_phones(PHONES)
    damage, repair = harms_of(kafka_cluster)[harm]
    async with witness_of(stage) as witness:
        await asyncio.sleep(CALM_SECONDS)
        await damage(1, 2)
        await asyncio.wait_for(witness.notified.wait(), 30)
        accepted = witness.client.accepted
        await asyncio.sleep(AWAY_SECONDS)
        assert witness.client.accepted == accepted, "a batch was acknowledged by one replica only"
        await repair(1, 2)
        await until(lambda: witness.client.accepted > accepted, "the phones to continue", 90)
        await asyncio.sleep(CALM_SECONDS)
    await stage.stop_phones()
    report(f"three brokers, two at once {harm} for {AWAY_SECONDS:g} s", await stage.audit())
