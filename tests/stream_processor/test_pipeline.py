import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest

from har import topics
from har.batch_runs import BatchRun
from har.binary_samples import encode_batch
from har.comparisons import decode_comparison
from har.predictions import decode_prediction
from har.process.kafka_clients import Partition
from har.process.unreadable_batch import UnreadableBatch
from har.windowing import recording_windows
from model_store.onnx_classifier import OnnxClassifier
from stream_processor.classification import Classifier
from stream_processor.done_ahead import DoneAhead
from stream_processor.earlier_predictions import EarlierPredictions
from stream_processor.judging import Judging
from stream_processor.kafka_messages import LogMessage, OutgoingMessage
from stream_processor.live_state import LiveStateWriter
from stream_processor.metrics import ProcessorMetrics
from stream_processor.pipeline import StreamPipeline
from stream_processor.reading_start import ReadingStart, Start
from stream_processor.serving import CurrentReleases, ReleaseTimeline
from stream_processor.settings import ProcessorSettings
from tests.batches import live_batches
from tests.model_store.made_store import other_release
from tests.waiting import until

P0 = Partition(topics.SAMPLES.name, 0)


class Event:
    def __init__(self, log: list[int], offset: int) -> None:
        self._log, self._offset = log, offset

    def ack(self) -> bool:
        self._log.append(self._offset)
        return True


class Kafka:
    """Records published messages and confirms them, at once or when the test does so."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes | None, bytes, dict[str, bytes]]] = []
        self.sent: list[OutgoingMessage] = []
        self.confirmations: list[asyncio.Future[None]] = []
        self.confirms_immediately = True
        self.news = asyncio.Condition()

    async def __call__(self, message):
        confirmed = asyncio.get_running_loop().create_future()
        self.messages.append((message.topic, message.key, message.value, dict(message.headers)))
        self.sent.append(message)
        self.confirmations.append(confirmed)
        if self.confirms_immediately:
            confirmed.set_result(None)
        async with self.news:
            self.news.notify_all()
        return confirmed

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(lambda: len(self.messages) >= count)

    def of(self, topic: str) -> list[bytes]:
        return [value for name, _, value, _ in self.messages if name == topic]

    # How predictions are read back.
    async def partitions(self) -> list[int]:
        return [0]

    async def end_of(self, partition: int) -> tuple[int, int]:
        return 0, len(self.of(topics.PREDICTIONS.name))

    async def read(self, partition: int, begin: int, end: int | None) -> list[bytes | None]:
        return [*self.of(topics.PREDICTIONS.name)[begin:end]]

    async def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def network() -> OnnxClassifier:
    return OnnxClassifier.open("baseline")


class Group:
    """Counts how often it is joined anew."""

    def __init__(self) -> None:
        self.joined = 0

    async def read_anew(self) -> None:
        self.joined += 1


@asynccontextmanager
async def running(
    network, redis_url, kafka, errors=None, releases=None, reading_start=None, published=None, heads=None, **changes
):
    settings = ProcessorSettings(redis_url=redis_url, **changes)
    metrics = ProcessorMetrics()
    live = LiveStateWriter(redis_url, latest_seconds=5, metrics=metrics)
    timeline = ReleaseTimeline(releases or CurrentReleases({"stable": network}))
    timeline.use_heads(heads or {})
    pipeline = StreamPipeline(
        settings,
        Classifier(timeline, max_batch=settings.classify_batch),
        kafka,
        live,
        metrics,
        reading_start or ReadingStart(lambda _: None, Group().read_anew),
        Judging(EarlierPredictions(published or kafka), metrics),
    )

    async def note(error: BaseException) -> None:
        (errors if errors is not None else []).append(error)

    task = asyncio.create_task(pipeline.run(note))
    try:
        yield pipeline, metrics
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def message(offset: int, value: bytes, *, key: bytes = b"phone-1", generation: int = 1) -> LogMessage:
    return LogMessage(P0, generation, offset, key, value, 1_000 + offset)


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
            shares = [*prediction.probabilities.values(), *prediction.background.values()]
            assert shares == row.astype(float).tolist()
            assert prediction.arrived >= 1_000
        while len(acked) < 5:
            await asyncio.sleep(0.01)
        # The next window needs the batches that overlap it: these are held.
        assert acked == list(range(len(acked)))
        assert 12 - len(acked) in (4, 5, 6)


async def test_a_window_of_a_slow_phone_is_unknown_with_a_reason_and_counted(network, redis_url):
    kafka, acked = Kafka(), []
    async with running(network, redis_url, kafka) as (pipeline, metrics):
        await take_all(pipeline, live_batches(12, rate_hz=10), acked)
        await kafka.wait_for(7)
        predictions = [decode_prediction(value) for value in kafka.of(topics.PREDICTIONS.name)]
        assert {(prediction.activity, prediction.reason) for prediction in predictions} == {("unknown", "sparse")}
        async with asyncio.timeout(10):
            while metrics.unclassified.labels("sparse")._value.get() < 7 or not acked:
                await asyncio.sleep(0.01)
        assert metrics.unclassified.labels("clock")._value.get() == 0


async def test_nothing_is_acknowledged_before_kafka_has_confirmed_the_windows(network, redis_url):
    kafka, acked = Kafka(), []
    kafka.confirms_immediately = False
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


async def test_a_failed_confirmation_stops_the_worker_and_stays_unacknowledged(network, redis_url):
    kafka, acked, errors = Kafka(), [], []
    kafka.confirms_immediately = False
    async with running(network, redis_url, kafka, errors) as (pipeline, _):
        await take_all(pipeline, live_batches(12), acked)
        await kafka.wait_for(1)
        kafka.confirmations[0].set_exception(ConnectionError("no broker"))
        async with asyncio.timeout(20):
            while not errors:
                await asyncio.sleep(0.01)
        assert acked == []


async def test_an_unreadable_batch_is_dead_lettered_once_and_its_offsets_are_passed(network, redis_url, caplog):
    batches = live_batches(8)
    unreadable = UnreadableBatch(memoryview(b"damaged"), 3, 7, "its checksum is wrong")
    kafka, acked = Kafka(), []
    async with running(network, redis_url, kafka) as (pipeline, metrics):
        for number, batch in enumerate(batches[:3]):
            await pipeline.take(message(number, encode_batch(batch)), Event(acked, number))
        await pipeline.take(message(7, unreadable), Event(acked, 7))
        for number, batch in enumerate(batches[3:], start=8):
            await pipeline.take(message(number, encode_batch(batch)), Event(acked, number))
        await kafka.wait_for(1 + 3)
        (rejected,) = [headers for topic, _, _, headers in kafka.messages if topic == topics.REJECTED.name]
        assert (rejected["code"], rejected["offsets"]) == (b"unreadable", b"5")
        assert rejected["origin"] == b"accelerometer.samples/0/3"
        assert kafka.of(topics.REJECTED.name) == [b"damaged"]
        assert metrics.rejected.labels("unreadable")._value.get() == 5
        assert metrics.offset_gaps._value.get() == 0  # the batch explains the gap
    assert caplog.text.count("offsets 3 to 7 cannot be read: its checksum is wrong") == 1
    assert acked == sorted(acked)


async def test_a_poison_message_is_dead_lettered_and_others_continue(network, redis_url):
    kafka, acked, batches = Kafka(), [], live_batches(12)
    wrong_key = encode_batch(live_batches(1, device="other")[0])
    poison = [b"", b"\xc1", b"\x93" + b"x" * 70_000, encode_batch(batches[0])[:-9], wrong_key]
    async with running(network, redis_url, kafka) as (pipeline, metrics):
        offset = 0
        for number, batch in enumerate(batches):
            await pipeline.take(message(offset, encode_batch(batch)), Event(acked, offset))
            offset += 1
            if number < len(poison):
                await pipeline.take(message(offset, poison[number]), Event(acked, offset))
                offset += 1
        await kafka.wait_for(len(poison) + 7)
        rejected = [(value, headers) for topic, _, value, headers in kafka.messages if topic == topics.REJECTED.name]
        assert [value for value, _ in rejected] == poison
        codes = [headers["code"].decode() for _, headers in rejected]
        assert codes == ["empty", "malformed", "oversized", "malformed", "key"]
        assert rejected[0][1]["origin"] == b"accelerometer.samples/0/1"
        assert len(kafka.of(topics.PREDICTIONS.name)) >= 7
        assert metrics.rejected.labels("malformed")._value.get() == 2


@pytest.mark.parametrize("missing", [None, 1])
async def test_an_internal_error_drops_one_session_and_not_the_partition(network, redis_url, monkeypatch, missing):
    kafka, acked = Kafka(), []
    append = BatchRun.append

    def fail_for_one_device(self, held, result):
        append(self, held, result)
        if held.batch.device == "unlucky" and held.batch.sequence == 3:
            raise ZeroDivisionError

    monkeypatch.setattr(BatchRun, "append", fail_for_one_device)
    async with running(network, redis_url, kafka) as (pipeline, _):
        offset = 0
        for pair in zip(live_batches(12), live_batches(12, device="unlucky"), strict=True):
            for batch in pair:
                if batch.device == "unlucky" and batch.sequence == missing:
                    continue  # later batches wait for it and fail later, with more of the session queued
                incoming = message(offset, encode_batch(batch), key=batch.device.encode())
                await pipeline.take(incoming, Event(acked, offset))
                offset += 1
        async with asyncio.timeout(10):
            while len(acked) < 10:
                await asyncio.sleep(0.01)
        (rejected,) = [headers for topic, _, _, headers in kafka.messages if topic == topics.REJECTED.name]
        assert rejected["code"] == b"internal"
        devices = [decode_prediction(value).device for value in kafka.of(topics.PREDICTIONS.name)]
        assert devices.count("phone-1") >= 6
        assert devices.count("unlucky") >= 2  # it continues with later batches


async def test_events_of_a_revoked_partition_are_never_acknowledged(network, redis_url):
    kafka, acked = Kafka(), []
    kafka.confirms_immediately = False
    async with running(network, redis_url, kafka) as (pipeline, _):
        await take_all(pipeline, live_batches(12), acked)
        await kafka.wait_for(1)
        pipeline.forget_partitions({P0})
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


async def test_a_message_that_is_read_twice_has_no_effect(network, redis_url):
    kafka, acked, batches = Kafka(), [], live_batches(12)
    async with running(network, redis_url, kafka) as (pipeline, metrics):
        await take_all(pipeline, batches, acked)
        await take_all(pipeline, batches[-3:], acked)  # offsets 0 to 2 once more, in the same generation
        await kafka.wait_for(7)
        await pipeline.take(
            message(12, encode_batch(live_batches(1, device="other")[0]), key=b"other"), Event(acked, 12)
        )
        assert metrics.reread._value.get() == 3
        assert len(kafka.of(topics.PREDICTIONS.name)) == len(set(kafka.of(topics.PREDICTIONS.name)))


async def test_no_message_is_skipped_if_later_ones_come_first_after_a_change_of_generation(network, redis_url):
    kafka, acked, batches, group = Kafka(), [], live_batches(12), Group()
    start = ReadingStart(lambda _: Start(0), group.read_anew)
    async with running(network, redis_url, kafka, reading_start=start) as (pipeline, metrics):
        # Messages that were fetched in generation 1 come first in generation 2, and then those from the commit on.
        for offset in [*range(8, 12), *range(12)]:
            await pipeline.take(message(offset, encode_batch(batches[offset]), generation=2), Event(acked, offset))
        assert group.joined == 1
        assert not kafka.messages
        await take_all(pipeline, batches, acked, generation=3)
        await kafka.wait_for(7)
        starts = [decode_prediction(value).start for value in kafka.of(topics.PREDICTIONS.name)]
        times = np.concatenate([batch.times for batch in batches])
        assert starts == recording_windows(times, np.zeros((len(times), 3), np.float32)).starts.tolist()
        assert metrics.offset_gaps._value.get() == 16


@pytest.mark.parametrize("ends_after", [30, 60, 100, 115])
async def test_a_worker_that_ends_while_it_catches_up_leaves_its_progress_to_the_next(network, redis_url, ends_after):
    silent, active = live_batches(20, device="silent"), live_batches(110, device="active")
    resumed = [batch for pair in zip(active[100:], silent[8:18], strict=True) for batch in pair]
    log = [*silent[:8], *active[:100], *resumed]

    async def read(offsets, kafka, acked, start):
        reading_start = ReadingStart(lambda _: start, Group().read_anew)
        async with running(network, redis_url, kafka, reading_start=reading_start) as (pipeline, _):
            for offset in offsets:
                found = message(offset, encode_batch(log[offset]), key=log[offset].device.encode())
                await pipeline.take(replace(found, arrived=1_000_000 * offset), Event(acked, offset))
            await until(lambda: not pipeline.progress()[P0].unconfirmed, "the confirmation of all work")
            return pipeline.done_ahead(1)[P0]

    whole, first, second, acked = Kafka(), Kafka(), Kafka(), []
    await read(range(len(log)), whole, [], Start(0))
    done = await read(range(ends_after), first, acked, Start(0))
    committed = len(acked)
    if ends_after <= 100:
        assert committed <= 8  # the silent device holds the commit back
        assert done.until > ends_after - 20
    await read(range(committed, len(log)), second, [], Start(committed, DoneAhead.decode(done.encode())))

    def windows(*kafkas):
        return {
            (prediction.device, prediction.start): prediction.probabilities
            for kafka in kafkas
            for prediction in map(decode_prediction, kafka.of(topics.PREDICTIONS.name))
        }

    assert windows(first, second) == windows(whole)
    assert windows(first).items() <= windows(whole).items()
    repeated = [key for key in windows(second) if key in windows(first) and key[0] == "active"]
    assert len(repeated) <= 4  # those of the readings that the first one held


async def test_a_partition_whose_next_offset_holds_no_message_is_read_anew_twice(network, redis_url, caplog):
    caplog.set_level("INFO")
    kafka, acked, batches, group = Kafka(), [], live_batches(12), Group()
    start = ReadingStart(lambda _: Start(4), group.read_anew)  # offset 4 holds a transaction's marker
    async with running(network, redis_url, kafka, reading_start=start) as (pipeline, _):
        for generation in (1, 2, 3, 4):
            for offset, batch in enumerate(batches, 5):
                await pipeline.take(message(offset, encode_batch(batch), generation=generation), Event(acked, offset))
        await kafka.wait_for(14)
    assert group.joined == 2
    assert "has no message from offset 4 to 4" in caplog.text


async def test_a_silent_session_is_carried_and_the_commit_advances(network, redis_url, monkeypatch):
    monkeypatch.setattr("stream_processor.pipeline.SWEEP_SECONDS", 0.05)
    kafka, acked = Kafka(), []
    silent, talking = live_batches(8, device="silent"), live_batches(60, device="talking")
    async with running(network, redis_url, kafka, carry_seconds=0.3) as (pipeline, _):
        offset = 0

        async def take(batch):
            nonlocal offset
            await pipeline.take(message(offset, encode_batch(batch), key=batch.device.encode()), Event(acked, offset))
            offset += 1

        for batch in silent:
            await take(batch)
        for batch in talking[:20]:
            await take(batch)
        assert len(acked) < len(silent)  # the silent session holds the commit back
        async with asyncio.timeout(10):
            while not kafka.of(topics.SAMPLES.name):
                await take(talking[offset - len(silent)])
                await asyncio.sleep(0.05)
        copies = [sent for sent in kafka.sent if sent.topic == topics.SAMPLES.name]
        assert [sent.value for sent in copies] == [encode_batch(batch) for batch in silent[-len(copies) :]]
        assert {(sent.key, sent.partition) for sent in copies} == {(b"silent", 0)}
        assert [sent.timestamp for sent in copies] == [1_000 + n for n in range(8 - len(copies), 8)]
        before_copies = offset
        for sent in copies:
            copy = replace(message(offset, sent.value, key=sent.key), headers=tuple(sent.headers))
            await pipeline.take(copy, Event(acked, offset))
            offset += 1
        async with asyncio.timeout(10):
            while len(acked) < before_copies - 10:
                await asyncio.sleep(0.02)
        assert acked == list(range(len(acked)))


async def test_a_full_queue_makes_the_reader_wait(network, redis_url):
    kafka, acked = Kafka(), []
    kafka.confirms_immediately = False
    async with running(network, redis_url, kafka, max_waiting_batches=2, classify_batch=1) as (pipeline, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await take_all(pipeline, live_batches(60), acked)
        assert len(kafka.messages) < 20


async def test_windows_of_a_canary_are_compared_with_the_stable_release(network, redis_url, tmp_path):
    kafka, acked, batches = Kafka(), [], live_batches(12)
    other = OnnxClassifier.open(str(other_release(tmp_path, "other", 0.5)))
    releases = CurrentReleases({"stable": network, "canary": other}, share=1.0)
    async with running(network, redis_url, kafka, releases=releases) as (pipeline, _):
        await take_all(pipeline, batches, acked)
        times = np.concatenate([batch.times for batch in batches])
        axes = np.concatenate([batch.axes for batch in batches])
        offline = recording_windows(times, axes)
        await kafka.wait_for(2 * len(offline.starts))
    predictions = [decode_prediction(value) for value in kafka.of(topics.PREDICTIONS.name)]
    comparisons = [decode_comparison(value) for value in kafka.of(topics.COMPARISONS.name)]
    assert {prediction.release for prediction in predictions} == {"other"}
    assert [comparison.start for comparison in comparisons] == offline.starts.tolist()
    best = network.probabilities(offline.values).max(axis=1)
    for prediction, comparison, confidence in zip(predictions, comparisons, best, strict=True):
        assert (comparison.canary.release, comparison.stable.release) == ("other", network.manifest.release)
        assert (comparison.canary.activity, comparison.canary.confidence) == (
            prediction.activity,
            prediction.confidence,
        )
        if comparison.stable.activity != "unknown":
            assert comparison.stable.confidence == pytest.approx(float(confidence))
        assert comparison.canary.taken_us > 0 < comparison.stable.taken_us
