"""Preparation on Spark gives the same result and the same errors as in one process."""

import dataclasses
import io
from contextlib import contextmanager, suppress
from threading import Event, Thread

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

from har.recordings import RecordingError
from har.windowing import WindowSpec
from recording_files import find_source
from recording_files.checking import Inspection, UnsoundDataError
from recording_files.formats.parquet import ParquetSource
from tests.command_line import CommandLine
from tests.trainer.made_recordings import made_recording, write_recordings
from trainer.commands import prepare as prepare_command
from trainer.distributed.spark_session import local_cluster, spark_session
from trainer.preparation.on_spark import prepare_on_spark
from trainer.preparation.plan import SPLITS, PreparationPlan
from trainer.preparation.shards import read_index, read_shards
from trainer.runs.preparation import prepare

PLAN = PreparationPlan(
    classes=("sit", "walk"),
    training_windows=WindowSpec(steps=60, rate_hz=50, hop_us=500_000),
    windows=WindowSpec(steps=50),
    held_out_share=0.2,
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
    """Return the content of every piece, in an order that does not depend on the writer."""
    found = [
        (split, shard.number, *dataclasses.astuple(dataclasses.replace(piece, grid=piece.grid.tobytes())))
        for split in SPLITS
        for shard in index.of(split)
        for piece in read_shards(folder, [shard])
    ]
    return sorted(found)


def compare(spark, paths, folder):
    here = prepare(paths, PLAN, folder / "here", spark=None, executors=EXECUTORS)
    there = prepare(paths, PLAN, folder / "there", spark=spark, executors=EXECUTORS)
    assert everything(folder / "here", here) == everything(folder / "there", there)
    assert (here.wearers, here.personal) == (there.wearers, there.personal)
    assert (here.sources, here.provenance, here.rows) == (there.sources, there.provenance, there.rows)
    assert here.rows
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
    one = write_recordings(tmp_path / "data.parquet", people)
    (tmp_path / "other").mkdir()
    other = write_recordings(
        tmp_path / "other" / "data.parquet", [made_recording("u01", device="other", labels=("walk", "lie"))]
    )

    index = compare(spark, [one, other], tmp_path)

    assert len(index.models) == 8
    assert index.sources[0] == "other/data.parquet"


def test_single_person_is_split_in_time_as_in_one_process(spark, tmp_path):
    index = compare(spark, [write_recordings(tmp_path / "one.parquet", [made_recording(seconds=120.0)])], tmp_path)

    assert index.personal


def test_the_command_prepares_on_spark_what_it_prepares_in_its_process(spark, tmp_path, monkeypatch, capsys):
    @contextmanager
    def running(name, master, executors):
        assert (master, executors) == (local_cluster(EXECUTORS), EXECUTORS)
        yield spark

    monkeypatch.setattr(prepare_command, "spark_session", running)
    har = CommandLine(monkeypatch, capsys)
    people = [made_recording(f"u{number:02d}") for number in range(4)]
    data = str(write_recordings(tmp_path / "data.parquet", people))
    found = []
    for where, options in (("there", ("--executors", str(EXECUTORS))), ("here", ("--in-process",))):
        words = ("--data", data, "--output", str(tmp_path / where), "--classes", "sit", "--classes", "walk")
        run = har.call("prepare", *words, "--shards", "4", *options)
        assert run.status == 0, run.err
        assert "training windows of 4 people, " in run.out
        found.append(everything(tmp_path / where, read_index(tmp_path / where)))
    assert found[0] == found[1]


def test_the_check_of_executors_finds_what_one_process_finds(spark, tmp_path):
    in_g = made_recording("u01")
    in_g.axes[:] /= 9.80665
    restarted = made_recording("u02")
    restarted.times[1500:] -= restarted.times[1500]
    path = write_recordings(tmp_path / "one.parquet", [made_recording("u00"), in_g, restarted])
    pq.write_table(pq.read_table(path), path, row_group_size=1000)  # sessions lie in several ranges
    said = []
    for session in (spark, None):
        inspection = Inspection(in_order=False, is_strict=True, file=io.StringIO())
        with pytest.raises(UnsoundDataError, match="or go on with --force"):
            prepare([path], PLAN, tmp_path / "prepared", spark=session, executors=EXECUTORS, inspection=inspection)
        assert not (tmp_path / "prepared").exists()
        said.append([line for line in inspection.file.getvalue().splitlines() if line.startswith("stops")])
    assert said[0] == said[1]
    assert ["the readings are in g" in line for line in said[0]] == [True, False]
    assert "one.parquet, row 7500 (user u02, session s1" in said[0][1]


class WatchedSource(ParquetSource):
    """Records whether it was read in this process."""

    read_here = False

    def parts(self):
        self.read_here = True
        yield from super().parts()


def test_a_broken_reading_is_named_by_file_and_row_and_leaves_nothing(spark, tmp_path):
    recording = made_recording("u01")
    recording.axes[1234, 1] = np.nan
    path = write_recordings(tmp_path / "one.parquet", [made_recording("u00"), recording])

    with pytest.raises(RecordingError, match=r"one\.parquet.*first row 4234"):
        prepare_on_spark(spark, [find_source(path)], PLAN, tmp_path / "prepared", EXECUTORS)

    assert not (tmp_path / "prepared").exists()


def test_the_same_session_in_two_data_sets_is_rejected(spark, tmp_path):
    paths = [write_recordings(tmp_path / f"{name}.parquet", [made_recording()]) for name in ("one", "two")]

    with pytest.raises(RecordingError, match=r"session s1 of made/u01 is in an earlier table, too: .*one\.parquet"):
        prepare_on_spark(spark, [find_source(path) for path in paths], PLAN, tmp_path / "prepared", EXECUTORS)


def test_nothing_to_train_on_is_an_error(spark, tmp_path):
    path = write_recordings(tmp_path / "one.parquet", [made_recording(labels=("lie",))])

    with pytest.raises(RecordingError, match="nothing to train on"):
        prepare_on_spark(spark, [find_source(path)], PLAN, tmp_path / "prepared", EXECUTORS)


def test_no_rows_are_an_error_as_in_one_process(spark, tmp_path):
    path = write_recordings(tmp_path / "one.parquet", [made_recording()])
    pq.write_table(pq.read_table(path).slice(0, 0), path)

    with pytest.raises(RecordingError, match=r"one\.parquet has no rows"):
        prepare([path], PLAN, tmp_path / "prepared", spark=spark, executors=EXECUTORS)


def test_lost_executor_is_reported(spark, tmp_path):
    path = write_recordings(tmp_path / "one.parquet", [made_recording(f"u{number:02d}") for number in range(12)])
    pq.write_table(pq.read_table(path), path, row_group_size=200)  # many tasks
    source = WatchedSource(path)
    over = Event()

    def kill_executors():
        while not over.wait(0.05) and not is_at_work(spark):
            pass
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # other processes may end meanwhile
                if "CoarseGrainedExecutorBackend" in " ".join(process.cmdline()):
                    process.kill()

    killing = Thread(target=kill_executors)
    killing.start()
    try:
        with pytest.raises(RecordingError, match=r"Spark could not prepare the recordings: .*ExecutorLostFailure"):
            prepare_on_spark(spark, [source], PLAN, tmp_path / "prepared", EXECUTORS)
    finally:
        over.set()
        killing.join()

    assert not source.read_here  # reading it here would take long and not show the reason
    assert not (tmp_path / "prepared").exists()


def is_at_work(spark):
    """Return whether some tasks are finished and some are not, as Spark restarts tasks that have hardly begun."""
    tracker = spark.sparkContext.statusTracker()
    stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    return any(stage is not None and stage.numCompletedTasks for stage in stages)
