import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest

from har import topics
from har.assembly import SessionWindows
from har.predictions import decode_prediction
from har.samples import encode_batch
from har.settings import ProcessorSettings
from har.windows import recording_windows
from model_store.onnx_classifier import OnnxClassifier
from stream_processor.classification import Classifier
from stream_processor.live_state import LiveState
from stream_processor.measures import ProcessorMeasures
from stream_processor.pipeline import LogMessage, StreamPipeline
from tests.batches import live_batches


class Event:
    def __init__(self, log: list[int], offset: int) -> None:
        self._log, self._offset = log, offset

    def ack(self) -> bool:
        self._log.append(self._offset)
        return True


class Kafka:
    """Confirms what is published when it is told to."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes | None, bytes, dict[str, bytes]]] = []
        self.confirmations: list[asyncio.Future[None]] = []
        self.confirms_at_once = True
        self.news = asyncio.Condition()

    async def __call__(self, topic, key, value, headers=None):
        confirmed = asyncio.get_running_loop().create_future()
        self.messages.append((topic, key, value, dict(headers or [])))
        self.confirmations.append(confirmed)
        if self.confirms_at_once:
            confirmed.set_result(None)
        async with self.news:
            self.news.notify_all()
        return confirmed

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(lambda: len(self.messages) >= count)

    def of(self, topic: str) -> list[bytes]:
        return [value for name, _, value, _ in self.messages if name == topic]


@pytest.fixture(scope="module")
def network() -> OnnxClassifier:
    return OnnxClassifier.open("baseline")


@asynccontextmanager
async def running(network, redis_url, kafka, errors=None, **changes):
    settings = ProcessorSettings(redis_url=redis_url, **changes)
    measures = ProcessorMeasures()
    live = LiveState(redis_url, latest_seconds=5, measures=measures)
    pipeline = StreamPipeline(settings, Classifier(network, most=settings.classify_batch), kafka, live, measures)

    async def note(error: BaseException) -> None:
        (errors if errors is not None else []).append(error)

    task = asyncio.create_task(pipeline.run(note))
    try:
        yield pipeline, measures
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def message(offset: int, value: bytes, *, key: bytes = b"phone-1", generation: int = 1) -> LogMessage:
    return LogMessage("p0", generation, offset, key, value, 1_000 + offset)


async def take_all(pipeline, batches, acked, *, generation=1):
    for offset, batch in enumerate(batches):
        await pipeline.take(message(offset, encode_batch(batch), generation=generation), Event(acked, offset))


async def test_windows_are_classified_as_offline_and_offsets_follow(network, redis_url):
    kafka, acked, batches = Kafka(), [], live_batches(12)
    async with running(network, redis_url, kafka) as (pipeline, _):
        await take_all(pipeline, batches, acked)
        times = np.concatenate([batch.times for batch in batches])
        axes = np.concatenate([batch.axes for batch in batches])
        offline = recording_windows(times, axes)
        await kafka.wait_for(len(offline.starts))
        predictions = [decode_prediction(value) for value in kafka.of(topics.PREDICTIONS.name)]
        assert [prediction.start for prediction in predictions] == offline.starts.tolist()
        expected = network.probabilities(offline.values)
        for prediction, row in zip(predictions, expected, strict=True):
            assert list(prediction.probabilities.values()) == row.astype(float).tolist()
            assert prediction.arrived >= 1_000
        while len(acked) < 5:
            await asyncio.sleep(0.01)
        # The last window to come needs the batches that overlap it: these are held.
        assert acked == list(range(len(acked)))
        assert 12 - len(acked) in (4, 5, 6)


async def test_nothing_is_acknowledged_before_kafka_has_confirmed_the_windows(network, redis_url):
    kafka, acked = Kafka(), []
    kafka.confirms_at_once = False
    async with running(network, redis_url, kafka) as (pipeline, _):
        await take_all(pipeline, live_batches(12), acked)
        await kafka.wait_for(1)
        await asyncio.sleep(0.1)
        assert acked == []
        while not acked:
            for confirmation in kafka.confirmations:
                if not confirmation.done():
                    confirmation.set_result(None)
            await asyncio.sleep(0.01)


async def test_what_kafka_does_not_take_stops_the_worker_and_stays_unacknowledged(network, redis_url):
    kafka, acked, errors = Kafka(), [], []
    kafka.confirms_at_once = False
    async with running(network, redis_url, kafka, errors) as (pipeline, _):
        await take_all(pipeline, live_batches(12), acked)
        await kafka.wait_for(1)
        kafka.confirmations[0].set_exception(ConnectionError("no broker"))
        while not errors:
            await asyncio.sleep(0.01)
        assert acked == []


async def test_a_poison_message_is_kept_with_the_reason_and_others_go_on(network, redis_url):
    kafka, acked, batches = Kafka(), [], live_batches(12)
    wrong_key = encode_batch(live_batches(1, device="other")[0])
    poison = [b"", b"\xc1", b"\x93" + b"x" * 70_000, encode_batch(batches[0])[:-9], wrong_key]
    async with running(network, redis_url, kafka) as (pipeline, measures):
        offset = 0
        for number, batch in enumerate(batches):
            await pipeline.take(message(offset, encode_batch(batch)), Event(acked, offset))
            offset += 1
            if number < len(poison):
                await pipeline.take(message(offset, poison[number]), Event(acked, offset))
                offset += 1
        await kafka.wait_for(len(poison) + 7)
        refused = [(value, headers) for topic, _, value, headers in kafka.messages if topic == topics.REFUSED.name]
        assert [value for value, _ in refused] == poison
        codes = [headers["code"].decode() for _, headers in refused]
        assert codes == ["empty", "malformed", "oversized", "malformed", "key"]
        assert refused[0][1]["origin"] == b"p0/1"
        assert len(kafka.of(topics.PREDICTIONS.name)) >= 7
        assert measures.refused.labels("malformed")._value.get() == 2


async def test_a_fault_of_ours_costs_one_session_and_not_the_partition(network, redis_url, monkeypatch):
    kafka, acked = Kafka(), []
    add = SessionWindows.add

    def fail_for_one_device(self, batch, position):
        if batch.device == "unlucky" and batch.sequence == 3:
            raise ZeroDivisionError
        return add(self, batch, position)

    monkeypatch.setattr(SessionWindows, "add", fail_for_one_device)
    async with running(network, redis_url, kafka) as (pipeline, _):
        offset = 0
        for pair in zip(live_batches(12), live_batches(12, device="unlucky"), strict=True):
            for batch in pair:
                say = message(offset, encode_batch(batch), key=batch.device.encode())
                await pipeline.take(say, Event(acked, offset))
                offset += 1
        while len(acked) < 10:
            await asyncio.sleep(0.01)
        (refused,) = [headers for topic, _, _, headers in kafka.messages if topic == topics.REFUSED.name]
        assert refused["code"] == b"internal"
        answered = [decode_prediction(value).device for value in kafka.of(topics.PREDICTIONS.name)]
        assert answered.count("phone-1") >= 6
        assert answered.count("unlucky") >= 2  # it goes on with what came after


async def test_events_of_a_revoked_partition_are_never_acknowledged(network, redis_url):
    kafka, acked = Kafka(), []
    kafka.confirms_at_once = False
    async with running(network, redis_url, kafka) as (pipeline, _):
        await take_all(pipeline, live_batches(12), acked)
        await kafka.wait_for(1)
        pipeline.forget_partitions({"p0"})
        for confirmation in kafka.confirmations:
            confirmation.set_result(None)
        await asyncio.sleep(0.2)
        assert acked == []


async def test_a_new_generation_reads_a_partition_again(network, redis_url):
    kafka, first, second, batches = Kafka(), [], [], live_batches(12)
    async with running(network, redis_url, kafka) as (pipeline, _):
        for generation, acked in ((1, first), (2, second)):
            await take_all(pipeline, batches, acked, generation=generation)
        while len(second) < 5:
            await asyncio.sleep(0.01)
        predictions = [decode_prediction(value) for value in kafka.of(topics.PREDICTIONS.name)]
        again = len(predictions) // 2
        assert [p.start for p in predictions[:again]] == [p.start for p in predictions[again:]]
        assert [p.probabilities for p in predictions[:again]] == [p.probabilities for p in predictions[again:]]


async def test_a_full_queue_makes_the_reader_wait(network, redis_url):
    kafka, acked = Kafka(), []
    kafka.confirms_at_once = False
    async with running(network, redis_url, kafka, max_waiting_windows=2, classify_batch=1) as (pipeline, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await take_all(pipeline, live_batches(60), acked)
        assert len(kafka.messages) < 20
