"""Upright references in the stream: the same whether a worker ends or not, from the log alone."""

import asyncio
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from classify.answers import answers
from classify.windows import Session, SessionWindow
from har import topics
from har.binary_samples import encode_batch
from har.predictions import Prediction, decode_prediction, encode_prediction
from har.samples import NOTHING_EARLIER, SampleBatch, in_order_batch
from har.session_references import reference_after
from har.windowing import WindowSpec, WindowValues, recording_windows
from model_store.edge.device_stream import DeviceStream
from stream_processor.reading_start import ReadingStart, Start
from stream_processor.serving import CurrentReleases
from tests.model_store.walking_network import RULE, WalkingNetwork
from tests.stream_processor.test_pipeline import P0, Event, Group, Kafka, message, running
from tests.waiting import until

SECOND = 1_000_000
BEGIN = 1_763_900_000 * SECOND


def worn(device: str, activities: str) -> list[SampleBatch]:
    """Return a batch for each second of walking (w), standing (.) or leaning (s); none for a pause (_)."""
    chance = np.random.default_rng(len(device))
    upright, leaning = np.array([0.6, 0.2, 9.7]), np.array([6.3, 0.2, 7.5])
    batches, earlier = [], NOTHING_EARLIER
    for second, activity in enumerate(activities):
        if activity == "_":
            continue
        times = BEGIN + second * SECOND + np.arange(50) * 20_000
        axes = chance.normal(leaning if activity == "s" else upright, 3 if activity == "w" else 0.1, (50, 3))
        values = axes.astype(np.float32)
        batches.append(in_order_batch(device, "s1", len(batches), times, values, earlier_until=earlier))
        earlier = int(times[-1])
    return batches


def predictions_of(kafka: Kafka) -> dict[tuple[str, str, int], Prediction]:
    found = map(decode_prediction, kafka.of(topics.PREDICTIONS.name))
    return {prediction.key: prediction for prediction in found}


class Log:
    """A partition whose messages arrive a second apart, and the workers that read it."""

    def __init__(self, batches: list[SampleBatch], redis_url: str, network=None) -> None:
        self.network = network or WalkingNetwork()
        self.redis_url = redis_url
        self.messages = [
            replace(message(offset, encode_batch(batch), key=batch.device.encode()), arrived=BEGIN + offset * SECOND)
            for offset, batch in enumerate(batches)
        ]
        self.generation = 0

    def append(self, found: list) -> None:
        for each in found:
            self.messages.append(replace(each, offset=len(self.messages)))

    async def read(self, kafka, begin=0, end=None, *, published=None, is_committed=None, **more):
        """Read messages as a new worker; return which offset the next one begins at, and the metrics."""
        self.generation += 1
        acked: list[int] = []
        start = Start(begin, is_committed=begin > 0 if is_committed is None else is_committed)
        reading_start = ReadingStart(lambda _: start, Group().read_anew)
        options = {"reading_start": reading_start, "published": published, **more}
        async with running(self.network, self.redis_url, kafka, **options) as (pipeline, metrics):
            for found in self.messages[begin:end]:
                await pipeline.take(replace(found, generation=self.generation), Event(acked, found.offset))
            await until(
                lambda: all(not each.unconfirmed for each in pipeline.progress().values()), "all work to be done"
            )
        return begin + len(acked), metrics


def interleaved(*rows: list[SampleBatch]) -> list[SampleBatch]:
    return [batch for turn in zip(*rows, strict=True) for batch in turn]


async def test_a_reference_is_learned_from_walking_and_tells_sitting_from_standing(redis_url):
    log, kafka = Log(worn("phone-1", "wwwwwwwwww......ssssss"), redis_url), Kafka()
    await log.read(kafka)
    made = list(predictions_of(kafka).values())
    first = next(number for number, prediction in enumerate(made) if prediction.lean is not None)
    assert [prediction.lean for prediction in made[:first]] == [None] * first
    assert first == RULE.needed  # from the window after those that it is learned from
    assert all(prediction.lean is not None for prediction in made[first:])
    assert made[-1].activity == "sit"
    assert made[-1].alone is not None
    assert made[10].activity == "stand"
    assert sum(made[-1].probabilities.values()) == pytest.approx(1)
    assert made[0].reference is not None


async def test_devices_and_files_give_the_streams_answers_bit_for_bit(redis_url):
    batches, network = worn("phone-1", "wwwwwwww....ssss__ww...sss"), WalkingNetwork()
    log, kafka = Log(batches, redis_url, network), Kafka()
    await log.read(kafka)
    stream = [_answer_of(made) for made in predictions_of(kafka).values()]
    device = DeviceStream("phone-1", "s1", lambda: network)
    on_device = [_answer_of(made) for batch in batches for made in device.add(batch.times, batch.axes)]
    times, axes = (np.concatenate([getattr(batch, name) for batch in batches]) for name in ("times", "axes"))
    cut = recording_windows(times, axes, WindowSpec())
    session = Session("phone-1", "", "", "s1")
    parts = zip(cut.starts.tolist(), cut.values, cut.qualities, strict=True)
    windows = [SessionWindow(session, WindowValues(*part)) for part in parts]
    in_file = [_answer_of(made) for _, made in answers(windows, network)]
    assert any(lean is not None for *_, lean, _, _ in stream)
    assert on_device == stream
    assert in_file[: len(stream)] == stream
    assert len(in_file) <= len(stream) + 1  # the last window may need one more reading in the stream


def _answer_of(made: Prediction) -> tuple[object, ...]:
    return made.start, made.activity, made.confidence, made.probabilities, made.lean, made.alone, reference_after(made)


async def test_a_release_without_a_rule_predicts_as_before(redis_url):
    log, kafka = Log(worn("phone-1", "wwwwwwww...."), redis_url, WalkingNetwork(rule=None)), Kafka()
    await log.read(kafka)
    made = predictions_of(kafka).values()
    assert {(each.lean, each.alone, each.reference) for each in made} == {(None, None, None)}


ROWS = ("wwwwwwwww....sssss...ww.s", "....wwwwwwwss__sss..wwwss", "www_wwwwww.__sss.....wwss")


async def test_predictions_of_interrupted_workers_equal_those_of_an_uninterrupted_one(redis_url):
    rows = [[*worn(f"phone-{n:0{n + 1}}", row)] for n, row in enumerate(ROWS)]
    shortest = min(map(len, rows))
    log, whole = Log(interleaved(*(row[:shortest] for row in rows)), redis_url), Kafka()
    await log.read(whole)
    expected = predictions_of(whole)
    assert sum(prediction.lean is not None for prediction in expected.values()) > 20
    for ends_after in range(1, len(log.messages), 5):
        kafka = Kafka()
        begin, _ = await log.read(kafka, 0, ends_after)
        again = min(begin + 9, len(log.messages))
        begin, _ = await log.read(kafka, begin, again)  # and once more, soon after
        await log.read(kafka, begin)
        assert predictions_of(kafka) == expected, ends_after
        assert len({*kafka.of(topics.PREDICTIONS.name)}) == len(expected)  # no window was predicted in two ways


async def test_batches_that_come_out_of_order_after_a_restart_are_judged_by_the_same_references(redis_url):
    batches = worn("phone-1", "wwwwwwwww....sssss...ww.s")
    log, whole = Log(batches, redis_url), Kafka()
    await log.read(whole)
    kafka = Kafka()
    begin, _ = await log.read(kafka, 0, 16)
    swapped = list(log.messages)
    swapped[begin], swapped[begin + 1] = (
        replace(swapped[begin + 1], offset=begin), replace(swapped[begin], offset=begin + 1),
    )  # fmt: skip
    log.messages = swapped
    await log.read(kafka, begin)
    # The swapped batches arrive at other times, which nothing but `arrived` shows.
    expected = {key: msgspec.structs.replace(made, arrived=0) for key, made in predictions_of(whole).items()}
    assert {key: msgspec.structs.replace(made, arrived=0) for key, made in predictions_of(kafka).items()} == expected


async def test_a_reference_outlives_a_release_without_a_rule(redis_url):
    batches = worn("phone-1", "wwwwwwww....sssss...ss")
    swap = CurrentReleases({"stable": WalkingNetwork(release="plain", rule=None)})
    log, kafka = Log(batches, redis_url), Kafka()
    begin, _ = await log.read(kafka, 0, 14)
    begin, _ = await log.read(kafka, begin, 18, releases=swap)
    plain = [made for made in predictions_of(kafka).values() if made.release == "plain"]
    assert plain
    assert {made.lean for made in plain} == {None}
    assert len({made.reference for made in plain}) == 1
    await log.read(kafka, begin)
    assert [*predictions_of(kafka).values()][-1].lean is not None


@pytest.mark.parametrize(("pause_seconds", "is_kept"), [(300, True), (700, False)])
@pytest.mark.parametrize("is_interrupted", [False, True])
async def test_a_pause_by_the_gateways_clock_ends_a_reference_in_every_worker(
    redis_url, pause_seconds, is_kept, is_interrupted
):
    log, kafka = Log(worn("phone-1", "wwwwwwwwww.....__ssssssssss"), redis_url), Kafka()
    for number in range(15, 25):  # a phone that was offline for long sends what it kept
        log.messages[number] = replace(log.messages[number], arrived=BEGIN + (number + pause_seconds) * SECOND)
    if is_interrupted:
        begin, _ = await log.read(kafka, 0, 21)
        assert begin >= 15
        await log.read(kafka, begin)
    else:
        await log.read(kafka)
    made = [*predictions_of(kafka).values()]
    assert (made[-1].lean is not None) is is_kept


async def test_readings_that_a_phone_kept_without_a_pause_keep_the_reference(redis_url):
    log, whole, kafka = Log(worn("phone-1", "wwwwwwwwww.....ssssssssss"), redis_url), Kafka(), Kafka()
    for number in range(15, 25):
        log.messages[number] = replace(log.messages[number], arrived=BEGIN + (number + 5_000) * SECOND)
    await log.read(whole)
    assert [*predictions_of(whole).values()][-1].lean is not None
    begin, _ = await log.read(kafka, 0, 21)
    await log.read(kafka, begin)
    assert predictions_of(kafka) == predictions_of(whole)


async def test_copies_of_a_silent_session_bring_its_reference_along(redis_url, monkeypatch):
    monkeypatch.setattr("stream_processor.pipeline.SWEEP_SECONDS", 0.02)
    silent = worn("silent", "wwwwwwwwww....ssssssssss")
    log, first, whole = Log(silent[:16], redis_url), Kafka(), Kafka()
    async with running(log.network, redis_url, first, carry_seconds=0.05) as (pipeline, _):
        for found in log.messages:
            await pipeline.take(found, Event([], found.offset))
        talking = [replace(found, key=b"talking", value=encode_batch(replace(batch, device="talking")))
                   for found, batch in zip(log.messages, silent[:16], strict=True)]  # fmt: skip
        for offset, found in enumerate(talking, 16):
            await pipeline.take(replace(found, offset=offset), Event([], offset))
        await until(lambda: first.of(topics.SAMPLES.name), "copies of the silent session")
    sent = [each for each in first.sent if each.topic == topics.SAMPLES.name and each.key == b"silent"]
    copies = [
        replace(message(0, each.value, key=each.key), headers=tuple(each.headers), arrived=each.timestamp)
        for each in sent
    ]
    rest = Log(silent, redis_url).messages[16:]
    log.messages = []
    log.append(copies)
    log.append(rest)
    second = Kafka()
    await log.read(second, is_committed=True)  # no earlier prediction can be read back: they are too old
    await Log(silent, redis_url).read(whole)
    assert second.of(topics.PREDICTIONS.name)
    expected = predictions_of(whole)
    made = predictions_of(second)
    assert made == {key: expected[key] for key in made}
    assert max(made) == max(expected)


async def test_the_last_windows_of_a_session_that_is_forgotten_are_judged_by_its_reference(redis_url, monkeypatch):
    monkeypatch.setattr("stream_processor.pipeline.SWEEP_SECONDS", 0.02)
    log, kafka, devices = Log([], redis_url), Kafka(), ("one", "three")
    silence = {"carry_seconds": 0.3, "forget_seconds": 0.3, "grace_seconds": 30}
    async with running(log.network, redis_url, kafka, **silence) as (pipeline, _):
        for hour, device in enumerate(devices):
            silent = worn(device, "wwwwwwwwwwww......")
            del silent[9]  # later windows wait for this batch
            talking = replace(silent[0], device="talking", session=f"s{hour}")
            for batch in (*silent, talking):
                found = message(len(log.messages), encode_batch(batch), key=batch.device.encode())
                hours = hour + (batch is talking)
                log.messages.append(replace(found, arrived=BEGIN + (3_600 * hours + found.offset) * SECOND))
                await pipeline.take(log.messages[-1], Event([], found.offset))
            await until(lambda of=device: len(_of(kafka, of)) > 5, "the windows that waited")
    leans = [[made.lean is not None for made in _of(kafka, device)] for device in devices]
    assert leans == [[False] * RULE.needed + [True] * (len(each) - RULE.needed) for each in leans]


def _of(kafka: Kafka, device: str) -> list[Prediction]:
    return [made for made in predictions_of(kafka).values() if made.device == device]


async def test_a_session_without_earlier_predictions_begins_without_a_reference_and_is_counted(redis_url, caplog):
    caplog.set_level("INFO")
    log, kafka = Log(worn("phone-1", "wwwwwwwwww............"), redis_url), Kafka()
    begin, _ = await log.read(kafka, 0, 17)
    lost = Kafka()  # the topic was deleted, or created anew
    _, metrics = await log.read(lost, begin)
    assert [each.lean for each in predictions_of(lost).values()] == [None] * len(predictions_of(lost))
    assert metrics.references_not_found._value.get() == 1
    assert caplog.text.count("begins without an upright reference") == 1


async def test_predictions_made_on_a_device_do_not_feed_the_servers_state(redis_url):
    log, kafka = Log(worn("phone-1", "wwwwwwwwww............"), redis_url), Kafka()
    begin, _ = await log.read(kafka, 0, 17)
    forged = Kafka()
    for value in kafka.of(topics.PREDICTIONS.name):
        made = msgspec.structs.replace(decode_prediction(value), made_on="device")
        forged.messages.append((topics.PREDICTIONS.name, b"phone-1", encode_prediction(made), {}))
    again = Kafka()
    _, metrics = await log.read(again, begin, published=forged)
    assert {each.lean for each in predictions_of(again).values()} == {None}
    assert metrics.references_not_found._value.get() == 1


async def test_a_revoked_partition_whose_session_is_unknown_is_left_to_its_next_worker(redis_url):
    kafka, all_taken = Kafka(), asyncio.Event()

    class Revoking(Kafka):
        """Answers for the first of two sessions, when the partition is revoked."""

        async def end_of(self, partition):
            await all_taken.wait()
            pipeline.forget_partitions({P0})
            return await super().end_of(partition)

    one, other = worn("phone-1", "wwwwwwwwww......"), worn("phone-22", "wwwwwwwwww......")
    log = Log(interleaved(one, other), redis_url)
    start = ReadingStart(lambda _: Start(2), Group().read_anew)  # from the second batch of each on
    async with running(log.network, redis_url, kafka, reading_start=start, published=Revoking()) as (pipeline, _):
        for found in log.messages[2:]:
            await pipeline.take(found, Event([], 0))
        all_taken.set()
        await until(lambda: len(kafka.messages) >= 10, "predictions of the session that was looked up")
    assert {made.device for made in predictions_of(kafka).values()} == {"phone-1"}
