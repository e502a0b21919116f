"""Messages that are broken, late, repeated, out of order or from a jumping clock."""

import asyncio
import random
from dataclasses import replace
from itertools import zip_longest

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from kafka import KafkaConsumer, TopicPartition

from deploy.audit.prediction_watch import PredictionWatch
from har import topics
from har.binary_samples import decode_batch, encode_batch
from har.rejections import RejectedMessage, Rejection
from har.samples import SampleBatch
from har.time_units import MICROSECONDS
from tests.batches import live_batches
from tests.faults.conftest import PHONES, by_length, not_in_short_run
from tests.faults.sending import direct_sender
from tests.faults.stage import FreshPredictions
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(by_length(300, 1_800))]

KILLS = by_length(2, 5)
DAY_US = 86_400 * MICROSECONDS
_integers = st.integers(-(2**63), 2**64 - 1)
_json = st.recursive(
    st.none() | st.booleans() | _integers | st.floats() | st.text() | st.binary(max_size=200),
    lambda inner: st.lists(inner, max_size=15) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
)


def generated(number: int) -> list[bytes]:
    """Generate random bytes, MessagePack of any shape, and batches with random fields."""
    messages: list[bytes] = []
    fields = st.tuples(
        st.just(1) | _integers, st.text(max_size=70), st.text(max_size=70), *[_integers] * 4,
        st.just("m/s^2"), st.integers(-5, 3_000), *[st.binary(max_size=400)] * 4,
    )  # fmt: skip

    @settings(
        max_examples=number, phases=[Phase.generate], database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.binary(max_size=2_000) | _json.map(msgspec.msgpack.encode) | fields.map(msgspec.msgpack.encode))
    def collect(message: bytes) -> None:
        messages.append(message)

    collect()
    return messages


def flipped(number: int, seed: int) -> list[bytes]:
    """Return valid batches with some flipped bits."""
    chance = random.Random(seed)
    valid = [encode_batch(batch) for batch in live_batches(20, device="mallory")]
    messages = []
    for _ in range(number):
        message = bytearray(chance.choice(valid))
        for _ in range(chance.choice([1, 1, 2, 8])):
            message[chance.randrange(min(len(message), chance.choice([60, 2_000])))] ^= 1 << chance.randrange(8)
        messages.append(bytes(message))
    return messages


def valid_batch(message: bytes) -> SampleBatch | None:
    """Return the batch if the message is still a valid one of the device in its key, else None."""
    try:
        batch = decode_batch(message)
    except RejectedMessage:
        return None
    return batch if batch.device == "mallory" else None


def dead_letters(bootstrap: str, expected: set[str] | None = None) -> dict[str, str]:
    """Read the dead-letter topic until all expected origins were seen; return the codes by origin."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap.split(","), auto_offset_reset="earliest")
    consumer.assign(
        [TopicPartition(topics.REJECTED.name, n) for n in consumer.partitions_for_topic(topics.REJECTED.name)]
    )
    codes: dict[str, str] = {}
    quiet, patience = 0, 5 if expected is None else 20
    while quiet < patience and (expected is None or not expected <= codes.keys()):
        polled = consumer.poll(timeout_ms=1_000)
        quiet = 0 if polled else quiet + 1
        for record in (record for records in polled.values() for record in records):
            rejection = Rejection.of_record(record.key, record.value, record.headers)
            assert rejection.detail
            codes[rejection.origin or ""] = rejection.code
    consumer.close()
    return codes


@not_in_short_run  # tests/system/test_faults.py sends poison, tests/har fuzz the codecs
async def test_fuzzed_messages_in_real_traffic_are_dead_lettered_with_a_reason(one_broker, open_stage, report):
    total = by_length(5_000, 100_000)
    stage = await open_stage(one_broker.kafka)
    await stage.start_phones(PHONES)
    messages = generated(total // 10)
    messages += flipped(total - len(messages), seed=1)
    for number, batch in enumerate(map(valid_batch, messages)):
        if batch is not None:  # in separate sessions, so that none conflicts with another
            messages[number] = encode_batch(replace(batch, session=f"s{number}"))
    broken = []
    with direct_sender(one_broker.bootstrap) as sender:
        for begin in range(0, total, 1_000):
            chunk = messages[begin : begin + 1_000]
            origins = await sender.send((b"mallory", message) for message in chunk)
            broken += [place for place, message in zip(origins, chunk, strict=True) if valid_batch(message) is None]
    with FreshPredictions(stage) as predictions:
        await predictions.wait_for_more(0)
        await predictions.wait_for_every_device()  # the real traffic continues
    await asyncio.sleep(by_length(0, 15))
    await stage.stop_phones()
    expected = {f"{topics.SAMPLES.name}/{partition}/{offset}" for partition, offset in broken}
    codes = dead_letters(one_broker.bootstrap, expected)
    assert expected <= codes.keys()
    assert stage.part("processor").starts == 1
    reasons = sorted({codes[origin] for origin in expected})
    audit = await stage.audit()
    report(f"{total} fuzzed messages", audit, may_reject=True, rejected=len(expected), reasons=" ".join(reasons))


def shifted(batch: SampleBatch, by_us: int, newest_sent: int) -> SampleBatch:
    return replace(
        batch,
        times=batch.times + by_us,
        newest_sent=newest_sent,
        earlier_until=max(0, batch.earlier_until + by_us),
        later_from=batch.later_from + by_us,
    )


def honest(batches: list[SampleBatch]) -> list[SampleBatch]:
    """Set `newest_sent` of each batch to the newest time sent before it, in this order."""
    newest, stated = 0, []
    for batch in batches:
        stated.append(replace(batch, newest_sent=newest))
        newest = max(newest, batch.newest)
    return stated


def odd_senders() -> dict[str, list[SampleBatch]]:
    plain = live_batches(60)
    chance = random.Random(3)
    ahead = [shifted(b, DAY_US if 20 <= n < 30 else 0, 0) for n, b in enumerate(plain)]
    behind = [shifted(b, -DAY_US if 20 <= n < 30 else 0, 0) for n, b in enumerate(plain)]
    repeated = [b for b in plain for _ in range(2 if chance.random() < 0.05 else 1)]
    reordered = list(plain)
    for n in range(0, 58, 15):
        reordered[n], reordered[n + 1] = reordered[n + 1], reordered[n]
    return {
        "plain": plain,
        "late": honest([*plain[:20], *plain[21:31], plain[20], *plain[31:]]),
        "ahead": honest(ahead),
        "behind": honest(behind),
        "repeated": repeated,
        "reordered": honest(reordered),
    }


def interleaved(senders: dict[str, list[SampleBatch]], suffix: str) -> list[SampleBatch]:
    """Return one log of several devices of each kind that send at the same time."""
    logs = [
        [replace(batch, device=f"{kind}-{number}-{suffix}") for batch in batches]
        for kind, batches in senders.items()
        for number in range(by_length(2, 30))
    ]
    return [batch for row in zip_longest(*logs) for batch in row if batch is not None]


async def test_odd_senders_are_treated_alike_before_and_after_a_restart(one_broker, open_stage, report):
    stage = await open_stage(one_broker.kafka, services=())
    senders = odd_senders()
    uninterrupted, interrupted = interleaved(senders, "whole"), interleaved(senders, "parts")
    with direct_sender(one_broker.bootstrap) as sender:
        origins = dict(zip(await sender.send_batches(uninterrupted), uninterrupted, strict=True))
        last = max(batch.newest for batch in senders["plain"]) // MICROSECONDS * MICROSECONDS - 5 * MICROSECONDS
        watch = PredictionWatch(one_broker.kafka)
        watch.start()
        sent = {(batch.device, batch.session, last) for batch in uninterrupted if batch.device.startswith("plain")}
        assert sent <= watch.wait_for(sent, 60).predictions.keys()
        step = len(interrupted) // KILLS
        for begin in range(0, len(interrupted), step):
            chunk = interrupted[begin : begin + step]
            origins |= dict(zip(await sender.send_batches(chunk), chunk, strict=True))
            starts = stage.part("processor").starts
            await stage.kill("processor")
            await until(lambda before=starts: stage.part("processor").starts > before, "the worker to start")
    stage.journals = None
    audit = await stage.audit(wait_seconds=60)
    seen = watch.wait_for(set(), 0).predictions
    watch.close()
    probabilities = {"whole": {}, "parts": {}}
    for (device, _, start), prediction in seen.items():
        name, suffix = device.rsplit("-", 1)
        probabilities[suffix][name, start] = prediction.probabilities
    assert probabilities["whole"] == probabilities["parts"]
    rejected = {"whole": set(), "parts": set()}
    for origin, code in dead_letters(one_broker.bootstrap).items():
        _, partition, offset = origin.split("/")
        batch = origins[int(partition), int(offset)]
        name, suffix = batch.device.rsplit("-", 1)
        rejected[suffix].add((name, batch.sequence, code))
    assert rejected["whole"] == rejected["parts"]
    kinds = {name.split("-")[0] for name, _, _ in rejected["whole"]}
    assert kinds == {"late", "ahead", "behind"}
    what = f"clock jumps, 10 s late, repeated, reordered; worker killed {KILLS} times"
    report(what, audit, may_reject=True, rejected=audit.rejected)
