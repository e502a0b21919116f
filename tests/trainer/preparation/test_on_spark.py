"""Preparation on Spark gives what one process gives, and says what is wrong as well."""

import dataclasses

import numpy as np
import pytest

from har.recordings import RecordingError
from har.windows import WindowSpec
from tests.trainer.made_recordings import made_recording, write_recordings
from trainer.preparation.in_process import prepare_in_process
from trainer.preparation.on_spark import prepare_on_spark
from trainer.preparation.plan import SPLITS, PreparationPlan
from trainer.preparation.shards import ShardError, read_shards
from trainer.recordings import recordings_of
from trainer.sources import find_source
from trainer.spark_session import local_cluster, spark_session

PLAN = PreparationPlan(
    classes=("sit", "walk"),
    training_windows=WindowSpec(steps=60, rate_hz=50, hop_us=500_000),
    windows=WindowSpec(steps=50),
    shards=4,
)
EXECUTORS = 2

# Py4J leaves the sockets of a stopped session to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore:subprocess:ResourceWarning")


@pytest.fixture(scope="module")
def spark(java):
    assert java
    with spark_session("tests", local_cluster(EXECUTORS), EXECUTORS) as session:
        yield session


def everything(folder, index):
    """Every piece with all that is in it, in an order that does not depend on who wrote it."""
    found = [
        (split, shard.number, *dataclasses.astuple(dataclasses.replace(piece, grid=piece.grid.tobytes())))
        for split in SPLITS
        for shard in index.of(split)
        for piece in read_shards(folder, [shard])
    ]
    return sorted(found)


def compare(spark, paths, folder):
    sources = [find_source(path) for path in paths]
    here = prepare_in_process({each.path.name: recordings_of(each) for each in sources}, PLAN, folder / "here")
    there = prepare_on_spark(spark, sources, PLAN, folder / "there", EXECUTORS)
    assert everything(folder / "here", here) == everything(folder / "there", there)
    assert (here.wearers, here.personal, here.sources) == (there.wearers, there.personal, there.sources)
    assert {person: set(models) for person, models in here.models.items()} == {
        person: set(models) for person, models in there.models.items()
    }
    return there


def test_spark_gives_exactly_the_windows_of_one_process(spark, tmp_path):
    people = [made_recording(f"u{number:02d}", rate_hz=50.0 + 25 * (number % 3)) for number in range(7)]
    shuffled = people[0]
    order = np.random.default_rng(0).permutation(len(shuffled.times))
    people[0] = dataclasses.replace(
        shuffled, times=shuffled.times[order], axes=shuffled.axes[order], labels=shuffled.labels[order]
    )
    one = write_recordings(tmp_path / "one.parquet", people)
    other = write_recordings(
        tmp_path / "other.parquet", [made_recording("u01", device="other", labels=("walk", "lie"))]
    )

    index = compare(spark, [one, other], tmp_path)

    assert len(index.models) == 8


def test_a_person_on_their_own_is_split_in_time_as_in_one_process(spark, tmp_path):
    index = compare(spark, [write_recordings(tmp_path / "one.parquet", [made_recording(seconds=120.0)])], tmp_path)

    assert index.personal


def test_a_broken_reading_is_named_by_file_and_row_and_leaves_nothing(spark, tmp_path):
    recording = made_recording("u01")
    recording.axes[1234, 1] = np.nan
    path = write_recordings(tmp_path / "one.parquet", [made_recording("u00"), recording])

    with pytest.raises(RecordingError, match=r"one\.parquet.*first row 4234"):
        prepare_on_spark(spark, [find_source(path)], PLAN, tmp_path / "prepared", EXECUTORS)

    assert not (tmp_path / "prepared").exists()


def test_the_same_session_in_two_data_sets_is_refused(spark, tmp_path):
    paths = [write_recordings(tmp_path / f"{name}.parquet", [made_recording()]) for name in ("one", "two")]

    with pytest.raises(RecordingError, match="session s1 of made/u01 is in"):
        prepare_on_spark(spark, [find_source(path) for path in paths], PLAN, tmp_path / "prepared", EXECUTORS)


def test_nothing_to_train_on_is_an_error(spark, tmp_path):
    path = write_recordings(tmp_path / "one.parquet", [made_recording(labels=("lie",))])

    with pytest.raises(ShardError, match="train"):
        prepare_on_spark(spark, [find_source(path)], PLAN, tmp_path / "prepared", EXECUTORS)
