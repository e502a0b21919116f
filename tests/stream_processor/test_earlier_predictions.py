"""Earlier predictions are read back from the end of their topic, no further than needed."""

import asyncio

import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from kafka import KafkaProducer

from har import topics
from har.predictions import Prediction, encode_prediction
from har.session_references import LONGEST_PAUSE_US
from har.upright import Reference
from stream_processor import earlier_predictions
from stream_processor.earlier_predictions import EarlierPredictions, ReadingBack, partition_of
from stream_processor.predictions_log import KafkaPredictions
from stream_processor.reference_book import CLOCK_MARGIN_US
from stream_processor.sessions import SessionKey

SECOND = 1_000_000
NOW = 1_763_900_000 * SECOND
#: Windows that arrived before this are too old, if readings from NOW on are read again.
OLDEST = NOW - LONGEST_PAUSE_US - CLOCK_MARGIN_US


def prediction(arrived: int, *, device: str = "phone-1", made_on: str = "server") -> Prediction:
    start = arrived - 4 * SECOND
    reference = Reference((0.0, 0.0, 1.0), 10, latest_us=start)
    of = (device, "s1", start, arrived, "walk", 0.9, {"walk": 0.9, "sit": 0.1}, "r1", arrived, made_on)
    return Prediction(*of, reference=reference)


class MadeLog:
    """A partition of predictions in memory, which counts what is read of it."""

    def __init__(self, values: list[bytes | None]) -> None:
        self.values = values
        self.read_messages = 0
        self.failures = 0
        self.watched: list[ReadingBack | None] = []
        self.earlier: EarlierPredictions | None = None

    async def partitions(self) -> list[int]:
        return [3]

    async def end_of(self, partition: int) -> tuple[int, int]:
        if self.failures:
            self.failures -= 1
            raise KafkaConnectionError("away")
        return 100, 100 + len(self.values)

    async def read(self, partition: int, begin: int, end: int | None) -> list[bytes | None]:
        found = self.values[begin - 100 : None if end is None else end - 100]
        self.read_messages += len(found)
        if self.earlier is not None:
            self.watched.append(self.earlier.reading)
        return found

    async def close(self) -> None:
        pass


def pieces(monkeypatch, size: int) -> None:
    """Let all pieces be of a size."""
    monkeypatch.setattr(earlier_predictions, "RECENT_PIECE", size)
    monkeypatch.setattr(earlier_predictions, "OLDER_PIECE", size)


def every_second(first: int, last: int, **more) -> list[bytes | None]:
    return [encode_prediction(prediction(arrived, **more)) for arrived in range(first, last, SECOND)]


async def starts_of(
    earlier: EarlierPredictions, device: str = "phone-1", generation: int = 1, *, first: int = 0
) -> list[int]:
    found = await earlier.of(SessionKey(device, "s1"), generation, NOW, first)
    return sorted(window.start for window in found)


async def test_reading_back_ends_where_predictions_are_too_old(monkeypatch):
    pieces(monkeypatch, 100)
    log = MadeLog(every_second(OLDEST - 1_000 * SECOND, NOW + 10 * SECOND))
    earlier = EarlierPredictions(log)
    starts = await starts_of(earlier)
    assert 670 <= log.read_messages <= 670 + 200
    recent = [arrived - 4 * SECOND for arrived in range(NOW - CLOCK_MARGIN_US, NOW + 10 * SECOND, SECOND)]
    assert starts == [recent[0] - SECOND, *recent]  # and one of those before


async def test_older_predictions_are_read_only_if_the_window_before_is_not_among_the_recent_ones(monkeypatch):
    pieces(monkeypatch, 20)
    log = MadeLog(
        [
            *every_second(NOW - 500 * SECOND, NOW - 490 * SECOND, device="paused"),
            *every_second(NOW - 490 * SECOND, NOW),
            *every_second(NOW, NOW + SECOND, device="paused"),
        ]
    )
    earlier = EarlierPredictions(log)
    begin = NOW - 4 * SECOND
    assert begin - SECOND in await starts_of(earlier, first=begin)
    assert log.read_messages == 100  # five pieces: those of the last minute, and one that is all older
    assert await starts_of(earlier, "paused", first=begin) == [begin - 491 * SECOND, begin]
    assert log.read_messages == len(log.values)
    assert await starts_of(earlier, "unknown", first=begin) == []
    assert log.read_messages == len(log.values)


async def test_each_partition_is_read_once_a_generation():
    log = MadeLog([*every_second(NOW - 9 * SECOND, NOW), *every_second(NOW - 5 * SECOND, NOW, device="phone-2")])
    earlier = EarlierPredictions(log)
    assert len(await starts_of(earlier)) == 9
    assert len(await starts_of(earlier, "phone-2")) == 5
    assert await starts_of(earlier, "phone-3") == []
    assert log.read_messages == 14
    log.values += every_second(NOW, NOW + SECOND, device="phone-3")
    assert await starts_of(earlier, "phone-3") == []
    assert len(await starts_of(earlier, "phone-3", generation=2)) == 1
    assert log.read_messages == 29


async def test_what_was_read_back_is_dropped_when_no_session_can_continue_from_it():
    log = MadeLog(every_second(NOW - 9 * SECOND, NOW))
    earlier = EarlierPredictions(log)
    assert len(await starts_of(earlier)) == 9
    earlier.forget(NOW + LONGEST_PAUSE_US)
    assert len(await starts_of(earlier)) == 9
    earlier.forget(NOW + LONGEST_PAUSE_US + CLOCK_MARGIN_US)
    assert await starts_of(earlier) == []
    assert log.read_messages == 9


async def test_a_repeated_window_counts_once_and_predictions_of_devices_and_other_messages_not_at_all():
    values = every_second(NOW - 9 * SECOND, NOW)
    log = MadeLog([*values, *values[-4:], b"nonsense", None, *every_second(NOW, NOW + SECOND, made_on="device")])
    assert await starts_of(EarlierPredictions(log)) == [NOW - second * SECOND for second in range(13, 4, -1)]


async def test_reading_back_tries_again_while_kafka_does_not_answer_and_shows_its_progress(monkeypatch, caplog):
    monkeypatch.setattr(earlier_predictions, "FIRST_PAUSE_SECONDS", 0.001)
    pieces(monkeypatch, 4)
    log = MadeLog(every_second(NOW - 9 * SECOND, NOW))
    log.failures = 2
    earlier = log.earlier = EarlierPredictions(log)
    assert len(await starts_of(earlier)) == 9
    assert caplog.text.count("trying again") == 2
    assert log.watched == [ReadingBack(3, 0), ReadingBack(3, 4), ReadingBack(3, 8)]
    assert earlier.reading is None


async def test_an_error_that_will_not_pass_ends_the_worker():
    class Forbidden(MadeLog):
        async def partitions(self) -> list[int]:
            raise TopicAuthorizationFailedError(topics.PREDICTIONS.name)

    with pytest.raises(TopicAuthorizationFailedError):
        await starts_of(EarlierPredictions(Forbidden([])))


async def test_no_more_than_the_limit_is_read_back(monkeypatch, caplog):
    pieces(monkeypatch, 10)
    monkeypatch.setattr(earlier_predictions, "MOST_PREDICTIONS", 25)
    log = MadeLog(every_second(NOW - 99 * SECOND, NOW))
    assert len(await starts_of(EarlierPredictions(log))) == 30
    assert "no more predictions of activity.predictions/3 are read back" in caplog.text


async def test_predictions_in_kafka_are_read_back(broker, monkeypatch):
    pieces(monkeypatch, 7)
    devices = [f"phone-{number}" for number in range(6)]
    log = KafkaPredictions(broker.kafka)
    earlier = EarlierPredictions(log)
    async with asyncio.timeout(5):  # an empty partition has nothing to wait for
        assert await starts_of(earlier, generation=0) == []
    producer = KafkaProducer(bootstrap_servers=[broker.bootstrap], linger_ms=5)
    places = {}
    for arrived in range(NOW - 9 * SECOND, NOW, SECOND):
        for device in devices:
            value = encode_prediction(prediction(arrived, device=device))
            places[device] = producer.send(topics.PREDICTIONS.name, key=device.encode(), value=value)
    places = {device: sent.get(10).partition for device, sent in places.items()}
    producer.close()
    for device in devices:
        assert partition_of(device, await log.partitions()) == places[device]
        assert len(await starts_of(earlier, device)) == 9
    newest = max(await earlier.of(SessionKey("phone-0", "s1"), 1, NOW, NOW), key=lambda window: window.start)
    assert newest.reference == prediction(NOW - SECOND).reference
    await earlier.close()


def test_predictions_of_a_version_without_references_are_read():
    document = msgspec.json.decode(encode_prediction(prediction(NOW)))
    for name in ("lean", "alone", "reference"):
        del document[name]
    windows = earlier_predictions.EarlierWindows(NOW)
    windows.add([msgspec.json.encode(document)])
    assert [each.reference for each in windows.of(SessionKey("phone-1", "s1"))] == [Reference()]


@pytest.mark.parametrize("broken", [{"reference": [1, 2]}, {"start": None}])
def test_a_prediction_that_cannot_be_decoded_is_counted(broken):
    document = msgspec.json.decode(encode_prediction(prediction(NOW))) | broken
    windows = earlier_predictions.EarlierWindows(NOW)
    assert windows.add([msgspec.json.encode(document)]) is None
    assert windows.undecodable == 1
