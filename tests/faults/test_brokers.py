"""Kafka's brokers killed, restarted and frozen."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from tests.faults.conftest import PHONES, by_length
from tests.faults.stage import FreshPredictions, Witness

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(by_length(300, 1_800))]

AWAY_SECONDS = by_length(5, 30)
CALM_SECONDS = by_length(2, 15)
ALL_HARMS = ["stopped", "killed", "frozen"]

Harm = Callable[..., Awaitable[None]]


def harms(cluster) -> dict[str, tuple[Harm, Harm]]:
    """What can be done to brokers, one after another, and how they are mended until all are ready."""

    def harm(method) -> Harm:
        async def apply(*numbers: int) -> None:
            for broker in numbers:
                await asyncio.to_thread(method, broker)

        return apply

    def mend(method) -> Harm:
        async def apply(*numbers: int) -> None:
            await harm(method)(*numbers)
            await asyncio.to_thread(cluster.wait_until_ready)

        return apply

    return {
        "killed": (harm(cluster.kill), mend(cluster.start_broker)),
        "stopped": (harm(cluster.stop_broker), mend(cluster.start_broker)),
        "frozen": (harm(cluster.freeze), mend(cluster.unfreeze)),
    }


@asynccontextmanager
async def a_witness(stage):
    witness = Witness(stage)
    streaming = asyncio.create_task(witness.stream())
    try:
        yield witness
    finally:
        streaming.cancel()
        with suppress(asyncio.CancelledError):
            await streaming


@pytest.mark.parametrize("harm", by_length(["stopped", "frozen"], ALL_HARMS))
async def test_the_only_broker_away_stops_everything_and_loses_nothing(one_broker, open_stage, report, harm):
    stage = await open_stage(one_broker.bootstrap)
    await stage.start_phones(PHONES)
    hurt, mend = harms(one_broker)[harm]
    async with a_witness(stage) as witness:
        await asyncio.sleep(CALM_SECONDS)
        await hurt(1)
        await asyncio.sleep(AWAY_SECONDS)
        assert witness.told_to_wait.is_set()
        await mend(1)
        await asyncio.sleep(CALM_SECONDS)
    await stage.stop_phones()
    report(f"one broker, {harm} for {AWAY_SECONDS:g} s", await stage.audit())


@pytest.mark.parametrize("harm", by_length(["killed"], ALL_HARMS))
async def test_of_three_brokers_each_may_be_away(three_brokers, open_stage, report, harm):
    stage = await open_stage(three_brokers.bootstrap)
    await stage.start_phones(PHONES)
    hurt, mend = harms(three_brokers)[harm]
    with FreshPredictions(three_brokers.bootstrap) as predictions:
        for broker in three_brokers.brokers:
            await asyncio.sleep(CALM_SECONDS)
            await hurt(broker)
            before = predictions.count
            await asyncio.sleep(AWAY_SECONDS)
            if harm != "frozen":  # a frozen one leads until the controller gives it up, which takes seconds
                await predictions.wait_for_more(before)
            await mend(broker)
    await asyncio.sleep(CALM_SECONDS)
    await stage.stop_phones()
    report(f"three brokers, each in turn {harm} for {AWAY_SECONDS:g} s", await stage.audit())


@pytest.mark.parametrize("harm", by_length(["frozen"], ["killed", "frozen"]))
async def test_with_two_of_three_brokers_away_writes_stop_and_phones_are_told(three_brokers, open_stage, report, harm):
    stage = await open_stage(three_brokers.bootstrap)
    await stage.start_phones(PHONES)
    hurt, mend = harms(three_brokers)[harm]
    async with a_witness(stage) as witness:
        await asyncio.sleep(CALM_SECONDS)
        await hurt(1, 2)
        await asyncio.wait_for(witness.told_to_wait.wait(), 30)
        accepted = witness.client.accepted
        await asyncio.sleep(AWAY_SECONDS)
        assert witness.client.accepted == accepted, "a batch was acknowledged by one replica only"
        await mend(1, 2)
        await stage.until(lambda: witness.client.accepted > accepted, "the phones to go on", 90)
        await asyncio.sleep(CALM_SECONDS)
    await stage.stop_phones()
    report(f"three brokers, two at once {harm} for {AWAY_SECONDS:g} s", await stage.audit())
