"""Personal heads in the stream: each window gets the same head, whoever reads it and how often."""

import msgspec
import pytest

from har import topics
from har.comparisons import decode_comparison
from har.personal_head import PersonalHead
from stream_processor.serving import CurrentReleases
from tests.har.made_heads import identity_head
from tests.model_store.walking_network import WalkingNetwork
from tests.stream_processor.test_pipeline import Kafka
from tests.stream_processor.test_references import BEGIN, ROWS, SECOND, Log, interleaved, predictions_of, worn

CLASSES = WalkingNetwork().manifest.classes
#: Which way is up for the phone of `worn`, and its wearer who leans.
UPRIGHT, LEANING = (0.0618, 0.0206, 0.9979), (0.643, 0.0204, 0.7656)


def head_for_all(
    device: str, number: int, *, says: str, from_second: int, release: str = "walking", by: float = 20.0
) -> PersonalHead:
    """Return a head that raises the logarithm of one class; by so much that it calls every window by this name."""
    count = len(CLASSES)
    weights = [[float(row == column) for column in range(count)] for row in range(count + 3)]
    return identity_head(
        device=device,
        number=number,
        release=release,
        outputs=CLASSES,
        classes=count,
        weights=weights,
        offsets=[by * (name == says) for name in CLASSES],
        directions=[tuple(part / sum(each * each for each in up) ** 0.5 for part in up) for up in (UPRIGHT, LEANING)],
        seconds={},
        effective=BEGIN + from_second * SECOND,
    )


def two_heads(device: str, **options) -> list[PersonalHead]:
    return [
        head_for_all(device, 1, says="sit", from_second=6, **options),
        head_for_all(device, 2, says="stand", from_second=12, **options),
    ]


async def test_each_head_corrects_what_arrives_from_its_effective_time(redis_url):
    log, kafka, bare = Log(worn("phone-1", "." * 20), redis_url), Kafka(), Kafka()
    await log.read(kafka, heads={"phone-1": two_heads("phone-1"), "other": two_heads("other")})
    await log.read(bare)
    made, alone = predictions_of(kafka), predictions_of(bare)
    for key, prediction in made.items():
        second = (prediction.arrived - BEGIN) // SECOND
        expected = (2, "stand") if second >= 12 else (1, "sit") if second >= 6 else (None, alone[key].activity)
        assert (prediction.personal, prediction.activity) == expected
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert {prediction.personal for prediction in made.values()} == {None, 1, 2}


@pytest.mark.parametrize(
    "changes",
    [{"release": "another"}, {"outputs": [*CLASSES[1:], CLASSES[0]]}, {"classes": 2}, {"directions": [(0, 0, -1)]}],
)
async def test_a_head_that_does_not_fit_the_release_or_the_way_of_wearing_changes_nothing(redis_url, changes):
    log, kafka, bare = Log(worn("phone-1", "....w..."), redis_url), Kafka(), Kafka()
    head = head_for_all("phone-1", 1, says="sit", from_second=0)
    await log.read(kafka, heads={"phone-1": [msgspec.structs.replace(head, **changes)]})
    await log.read(bare)
    assert predictions_of(kafka) == predictions_of(bare)


async def test_interrupted_workers_answer_as_an_uninterrupted_one_although_heads_begin_meanwhile(redis_url):
    devices = [f"phone-{n:0{n + 1}}" for n in range(len(ROWS))]
    rows = [worn(device, row) for device, row in zip(devices, ROWS, strict=True)]
    shortest = min(map(len, rows))
    log, whole = Log(interleaved(*(row[:shortest] for row in rows)), redis_url), Kafka()
    one, two = two_heads(devices[0], by=0.5)  # little enough that walking is still learned from
    two = msgspec.structs.replace(two, effective=BEGIN + 30 * SECOND)  # of 60: a message arrives each second
    first, both = {devices[0]: [one]}, {devices[0]: [one, two], devices[1]: two_heads(devices[1])}
    await log.read(whole, heads=both)
    expected = predictions_of(whole)
    assert {made.personal for made in expected.values()} == {None, 1, 2}
    assert any(made.personal and made.lean is not None for made in expected.values())
    for ends_after in range(1, len(log.messages), 11):
        kafka = Kafka()
        begin, _ = await log.read(kafka, 0, ends_after, heads=both if ends_after > 12 else first)
        begin, _ = await log.read(kafka, begin, min(begin + 9, len(log.messages)), heads=both)
        await log.read(kafka, begin, heads=both)
        assert predictions_of(kafka) == expected, ends_after
        assert len({*kafka.of(topics.PREDICTIONS.name)}) == len(expected)  # no window was predicted in two ways


async def test_a_canary_is_served_with_its_own_head_and_compared_without(redis_url):
    releases = CurrentReleases({"stable": WalkingNetwork(release="old"), "canary": WalkingNetwork()}, share=1.0)
    for release in ("old", "walking"):
        log, kafka, bare = Log(worn("phone-1", "." * 8), redis_url), Kafka(), Kafka()
        head = head_for_all("phone-1", 1, says="sit", from_second=0, release=release)
        _, metrics = await log.read(kafka, releases=releases, heads={"phone-1": [head]})
        await log.read(bare, releases=releases)
        made = predictions_of(kafka).values()
        assert {each.personal for each in made} == {1 if release == "walking" else None}
        assert metrics.personal_windows._value.get() == (len(made) if release == "walking" else 0)
        compared, without = (
            [
                (found.start, found.canary.activity, found.canary.confidence, found.stable.activity)
                for found in map(decode_comparison, each.of(topics.COMPARISONS.name))
            ]
            for each in (kafka, bare)
        )
        assert compared == without
        assert compared
