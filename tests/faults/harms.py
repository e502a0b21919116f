"""Faults of Kafka's brokers, and how they are repaired."""

import asyncio
from collections.abc import Awaitable, Callable

from deploy.kafka.cluster import KafkaCluster
from tests.faults.conftest import by_length

AWAY_SECONDS = by_length(5, 30)
CALM_SECONDS = by_length(1, 15)
ALL_HARMS = ["stopped", "killed", "frozen"]

Harm = Callable[..., Awaitable[None]]


def harms_of(cluster: KafkaCluster) -> dict[str, tuple[Harm, Harm]]:
    """Return functions that damage brokers, one after another, and that repair them and wait until all are ready."""

    def harm(method) -> Harm:
        async def apply(*numbers: int) -> None:
            for broker in numbers:
                await asyncio.to_thread(method, broker)

        return apply

    def repair(method) -> Harm:
        async def apply(*numbers: int) -> None:
            await harm(method)(*numbers)
            await asyncio.to_thread(cluster.wait_until_ready)

        return apply

    return {
        "killed": (harm(cluster.kill), repair(cluster.start_broker)),
        "stopped": (harm(cluster.stop_broker), repair(cluster.start_broker)),
        "frozen": (harm(cluster.freeze), repair(cluster.unfreeze)),
    }
