"""Devices report their own predictions, which the gateway publishes as made on a device."""

import time

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from har import topics
from har.activity_reports import encode_report
from har.gateway_messages import Accepted, Rejected, Waiting
from har.predictions import Prediction, decode_prediction
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import ask, gateway_on, page, receive


def predictions(count: int, *, begin_seconds: float = -60) -> list[Prediction]:
    begin = time.time_ns() // 1_000_000_000 * 1_000_000 + round(begin_seconds * 1_000_000)
    return [
        Prediction(
            "phone",
            "s1",
            begin + number * 1_000_000,
            begin + (number + 4) * 1_000_000,
            "walk",
            0.75,
            {"walk": 0.75, "sit": 0.25},
            "r1",
            0,
            "device",
        )
        for number in range(count)
    ]


async def test_a_report_becomes_predictions_marked_as_made_on_the_device(broker):
    made = predictions(5)
    before = time.time_ns() // 1000
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/activities") as device:
        assert await ask(device, encode_report("phone", "s1", 7, made)) == Accepted("s1", 7)
        records = broker.read(topics.PREDICTIONS.name, 5)
        assert "har_windows_reported_total 5.0" in await page(address, "/metrics")
    published = [decode_prediction(record.value) for record in records]
    assert [entry.key for entry in published] == [entry.key for entry in made]
    assert {record.key for record in records} == {b"phone"}
    assert {entry.made_on for entry in published} == {"device"}
    assert all(before <= entry.arrived <= time.time_ns() // 1000 for entry in published)


@on_one_broker
@pytest.mark.parametrize(
    ("frame", "code", "detail"),
    [
        ("{}", "malformed", ""),
        (encode_report("phone", "s1", 3, predictions(1, begin_seconds=3_600)), "future", "the limit is 60 s"),
        (encode_report("phone", "s1", 3, predictions(1, begin_seconds=-30 * 86_400)), "past", "the limit is 604800 s"),
    ],
)
async def test_an_invalid_report_is_rejected_counted_and_dead_lettered_and_the_device_continues(
    broker, frame, code, detail
):
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/activities") as device:
        answer = await ask(device, frame)
        assert isinstance(answer, Rejected)
        assert answer.code == code
        assert detail in answer.detail
        assert await ask(device, encode_report("phone", "s1", 4, predictions(1))) == Accepted("s1", 4)
        assert f'har_rejected_total{{code="{code}"}} 1.0' in await page(address, "/metrics")
    (kept,) = broker.read(topics.REJECTED.name, 1)
    assert kept.value.decode() == frame


async def test_a_report_that_kafka_does_not_confirm_is_not_accepted(broker):
    async with (
        gateway_on(broker, delivery_timeout_seconds=1) as address,
        connect(f"ws://{address}/v1/activities") as device,
    ):
        broker.freeze()
        await device.send(encode_report("phone", "s1", 7, predictions(5)))
        with pytest.raises(ConnectionClosed) as closed:
            while True:  # on a slow machine it is notified to wait first
                assert isinstance(await receive(device), Waiting)
        broker.unfreeze()
        assert closed.value.rcvd.code == 1013
        metrics = await page(address, "/metrics")
    assert "har_windows_reported_total 0.0" in metrics
    assert "har_batches_failed_total 1.0" in metrics
