"""Reporting predictions to a real gateway: in order, after an outage, and with bounded memory."""

import asyncio
import time
from dataclasses import dataclass

import numpy as np
import pytest

from deploy.ports import free_port
from har import topics
from har.predictions import Prediction, decode_prediction
from model_store.edge.edge_client import EdgeClient
from model_store.edge.reports import ActivityReports
from tests import brokers
from tests.ingest.gateway.running_gateway import gateway_on
from tests.waiting import until


@pytest.fixture
def broker():
    with brokers.EmbeddedBroker() as embedded:
        yield embedded


def predictions(count: int, first: int = 0, release: str = "r1") -> list[Prediction]:
    begin = (time.time_ns() // 1_000_000_000 - 600) * 1_000_000
    return [
        Prediction("phone", "s1", start, start + 4_000_000, "walk", 0.75, {"walk": 0.75, "sit": 0.25}, release, 0)
        for start in (begin + (first + number) * 1_000_000 for number in range(count))
    ]


@dataclass
class Reported:
    """The predictions in Kafka."""

    broker: brokers.EmbeddedBroker

    async def starts(self, count: int) -> list[int]:
        records = await asyncio.to_thread(self.broker.read, topics.PREDICTIONS.name, count)
        return [decode_prediction(record.value).start for record in records]


async def test_everything_is_reported_in_order_before_the_context_ends(broker):
    made = predictions(250)
    async with gateway_on(broker) as address:
        with ActivityReports(f"ws://{address}/v1/activities", "phone", "s1") as reports:
            for number in range(0, 250, 10):
                reports.add(made[number : number + 10])
            await until(lambda: reports.reported == 250, "all reports", 30)
        assert await Reported(broker).starts(250) == [each.start for each in made]
    assert (reports.rejected, reports.dropped) == (0, 0)


async def test_predictions_during_an_outage_are_reported_later(broker, monkeypatch):
    monkeypatch.setattr("model_store.edge.reports.FIRST_PAUSE_SECONDS", 0.05)
    port = free_port()
    made = predictions(40)
    with ActivityReports(f"ws://127.0.0.1:{port}/v1/activities", "phone", "s1") as reports:
        reports.add(made[:20])
        async with gateway_on(broker, port=port):
            await until(lambda: reports.reported == 20, "the reports before the outage", 30)
        reports.add(made[20:])
        async with gateway_on(broker, port=port):
            await until(lambda: reports.reported == 40, "the reports after the outage", 30)
    starts = await Reported(broker).starts(40)
    assert list(dict.fromkeys(starts)) == [each.start for each in made]


async def test_oldest_predictions_are_dropped_in_a_long_outage():
    url = f"ws://127.0.0.1:{free_port()}/v1/activities"
    with ActivityReports(url, "phone", "s1", most_waiting=30, finish_seconds=0.1) as reports:
        reports.add(predictions(100))
        assert reports.dropped == 70
    assert (reports.dropped, reports.reported) == (100, 0)


async def test_rejected_predictions_are_counted_and_not_sent_again(broker):
    async with gateway_on(broker) as address:
        with ActivityReports(f"ws://{address}/v1/activities", "phone", "s1") as reports:
            reports.add(predictions(3, release="no release's name"))
            reports.add(predictions(3, first=10))
            await until(lambda: reports.reported + reports.rejected == 6, "an answer to all reports", 30)
    assert reports.rejected >= 3


async def test_wrong_token_is_logged(broker, caplog):
    async with gateway_on(broker, token="s" * 32) as address:
        with ActivityReports(
            f"ws://{address}/v1/activities", "phone", "s1", token="wrong", finish_seconds=0.1
        ) as reports:
            reports.add(predictions(1))
            await until(lambda: "HTTP 401" in caplog.text, "the rejection in the log", 30)
    assert reports.dropped == 1


async def test_edge_client_reports_only_its_predictions(broker, client, tmp_path):
    client.store.publish("one")
    times = (time.time_ns() // 1_000_000_000 - 60) * 1_000_000 + np.arange(500) * 20_000
    axes = np.random.default_rng(0).normal([0, 0, 9.8], 2, (500, 3)).astype(np.float32)

    def classify(address: str) -> list[Prediction]:
        folder = tmp_path / "edge"
        url = f"ws://{address}/v1/activities"
        with EdgeClient(client.server.url, client.store.root, folder, "phone", report_to=url) as edge:
            return edge.add(times, axes)

    async with gateway_on(broker) as address:
        made = await asyncio.to_thread(classify, address)
    assert made
    records = await asyncio.to_thread(broker.read, topics.PREDICTIONS.name, len(made))
    reported = [decode_prediction(record.value) for record in records]
    assert [(each.key, each.activity, each.release, each.made_on) for each in reported] == [
        (each.key, each.activity, "one", "device") for each in made
    ]
