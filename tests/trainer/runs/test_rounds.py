"""Scheduled rounds: when they start, what they train, and what the history records."""

import threading
import warnings

import pytest

from tests.trainer.made_recordings import made_recording, write_recordings
from tests.trainer.made_releases import made_release

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow and TensorFlowOnSpark emit warnings during import
    from har.releases import decode_manifest
    from trainer.gate.judgement import GateResult
    from trainer.releases.candidate import Candidate
    from trainer.run_folder import FolderInUseError, RunFolder
    from trainer.runs.record import RunError
    from trainer.runs.rounds import RoundSchedule, history, run_rounds
    from trainer.runs.run import FinishedRun
    from trainer.runs.watched_recordings import WatchedRecordings

AT_ONCE = 0.01
CLASSES = ("sit", "walk")


class Trainer:
    """Replaces the training of `har train`: creates a run folder and returns or raises the next outcome."""

    def __init__(self, folder, outcomes, data=None):
        self.release = made_release(folder / "release")
        self.outcomes = iter(outcomes)
        self.data = data
        self.starts = []

    def __call__(self, start):
        self.starts.append(start)
        start.folder.mkdir(parents=True, exist_ok=True)
        RunFolder(start.folder).settings.write_text("{}")
        (start.folder / "prepared").mkdir(exist_ok=True)
        if self.data is not None:  # new data for the next round
            number = len(self.starts)
            write_recordings(self.data / f"more-{number}.parquet", [made_recording(f"m{number}", seconds=60.0)])
        outcome = next(self.outcomes)
        if isinstance(outcome, BaseException):
            raise outcome
        manifest = decode_manifest((self.release / "manifest.json").read_bytes())
        gate = GateResult(outcome, "Because.", manifest.release, None, [], [])
        return FinishedRun(RunFolder(start.folder), Candidate(self.release, manifest, None), gate)


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_recordings(folder / "made.parquet", [made_recording(seconds=60.0)])
    return folder


def rounds_of(tmp_path, data, trainer, *, rounds, every=AT_ONCE, stop=None, **schedule):
    messages = []
    run_rounds(
        tmp_path / "runs",
        RoundSchedule(every=every, rounds=rounds, **schedule),
        trainer,
        recordings=WatchedRecordings([data], CLASSES),
        stop=stop or threading.Event(),
        report=messages.append,
    )
    return history(tmp_path / "runs"), messages


def test_a_failed_round_does_not_stop_the_schedule(tmp_path, data):
    outcomes = [OSError("the disk is full"), RuntimeError("unexpected"), True]

    finished, messages = rounds_of(tmp_path, data, Trainer(tmp_path, outcomes, data), rounds=3)

    assert [line.outcome for line in finished] == ["failed", "failed", "published"]
    assert finished[0].reason == "the disk is full"
    assert finished[1].reason == "RuntimeError: unexpected"
    assert len(messages) == 3


def test_a_round_without_new_recordings_is_skipped_unless_the_last_one_failed(tmp_path, data):
    trainer = Trainer(tmp_path, [RuntimeError("once"), False])

    finished, _ = rounds_of(tmp_path, data, trainer, rounds=3)

    assert [line.outcome for line in finished] == ["failed", "not published", "skipped"]
    assert len(trainer.starts) == 2


def test_minutes_of_words_that_are_no_class_start_no_round(tmp_path, data):
    write_recordings(data / "words.parquet", [made_recording("w", seconds=120.0, labels=("sit", "Tai chi"))])
    trainer = Trainer(tmp_path, [False])

    finished, _ = rounds_of(tmp_path, data, trainer, rounds=1)

    assert finished[0].labelled_minutes == pytest.approx(2.0, abs=0.05)


def test_new_recordings_count_even_if_others_were_removed(tmp_path, data):
    old = write_recordings(data / "old.parquet", [made_recording("old", seconds=120.0)])
    rounds_of(tmp_path, data, Trainer(tmp_path, [True]), rounds=1)
    old.unlink()
    fewer = Trainer(tmp_path / "fewer", [False], data)  # it adds a minute
    early = Trainer(tmp_path / "early", [False])

    rounds_of(tmp_path, data, fewer, rounds=1)
    finished, _ = rounds_of(tmp_path, data, early, rounds=1, every=3_600.0, enough_minutes=0.5, look_every=AT_ONCE)

    assert [line.outcome for line in finished] == ["published", "not published", "not published"]
    assert [line.labelled_minutes for line in finished] == pytest.approx([3.0, 1.0, 2.0], abs=0.05)


def test_a_failed_round_is_retried_only_when_the_next_is_due(tmp_path, data):
    stop = threading.Event()
    trainer = Trainer(tmp_path, [RuntimeError("each time"), RuntimeError("each time")])
    threading.Timer(0.5, stop.set).start()

    finished, _ = rounds_of(
        tmp_path, data, trainer, rounds=2, every=3_600.0, enough_minutes=0.5, look_every=AT_ONCE, stop=stop
    )

    assert [line.outcome for line in finished] == ["failed"]


def test_an_interrupted_run_is_resumed_first_and_at_once(tmp_path, data):
    first = Trainer(tmp_path, [True])
    rounds_of(tmp_path, data, first, rounds=1)
    interrupted = tmp_path / "runs" / "run-99991231T000000.000000Z"
    interrupted.mkdir()
    RunFolder(interrupted).settings.write_text("{}")
    RunFolder(interrupted).checkpoints.mkdir()
    second = Trainer(tmp_path / "second", [True])

    finished, _ = rounds_of(tmp_path, data, second, rounds=1, every=3_600.0)

    assert [(start.folder, start.resume) for start in second.starts] == [(interrupted, True)]
    assert RunFolder(interrupted).checkpoints.exists()
    assert finished[-1].folder == interrupted.name


class KilledError(BaseException):
    """Stands for a kill of the process, which no code handles."""


def killed_round(tmp_path, data):
    with pytest.raises(KilledError):
        rounds_of(
            tmp_path, data, Trainer(tmp_path / f"killed-{len(list(tmp_path.iterdir()))}", [KilledError()]), rounds=1
        )


def test_an_interrupted_run_is_resumed_even_if_the_recordings_are_unreadable(tmp_path, data):
    killed_round(tmp_path, data)
    (data / "broken.parquet").write_bytes(b"no table")
    trainer = Trainer(tmp_path, [False, False])

    finished, _ = rounds_of(tmp_path, data, trainer, rounds=1)
    write_recordings(data / "broken.parquet", [made_recording("mended", seconds=60.0)])
    finished, _ = rounds_of(tmp_path, data, trainer, rounds=1)

    assert [start.resume for start in trainer.starts] == [True, False]
    assert [line.outcome for line in finished] == ["not published", "not published"]
    assert [line.labelled_minutes for line in finished] == pytest.approx([1.0, 2.0], abs=0.05)


def test_a_run_that_is_interrupted_every_time_is_given_up(tmp_path, data):
    for _ in range(3):
        killed_round(tmp_path, data)
    trainer = Trainer(tmp_path, [True])

    finished, _ = rounds_of(tmp_path, data, trainer, rounds=2)

    assert [line.outcome for line in finished] == ["failed", "published"]
    assert finished[0].reason == "The run was interrupted 3 times and is given up."
    assert [start.resume for start in trainer.starts] == [False]
    assert finished[1].folder != finished[0].folder


def test_a_second_process_in_the_same_folder_is_rejected(tmp_path, data):
    rejected = []

    def train(start):
        with pytest.raises(FolderInUseError, match="runs is in use by another har train") as raised:
            rounds_of(tmp_path, data, Trainer(tmp_path / "second", [True]), rounds=1)
        rejected.append(raised.value)
        return Trainer(tmp_path, [True])(start)

    finished, _ = rounds_of(tmp_path, data, train, rounds=1)

    assert len(rejected) == 1
    assert [line.outcome for line in finished] == ["published"]


def test_a_prepared_folder_is_rejected(tmp_path, data):
    (data / "prepared.json").write_text("{}")

    with pytest.raises(RunError, match="is a prepared folder and does not grow"):
        rounds_of(tmp_path, data, Trainer(tmp_path, []), rounds=1)

    assert not (tmp_path / "runs").exists()


def test_earlier_runs_lose_their_shards_and_keep_their_record(tmp_path, data):
    finished, _ = rounds_of(tmp_path, data, Trainer(tmp_path, [True, True], data), rounds=2)

    first, second = (tmp_path / "runs" / line.folder for line in finished)
    assert not (first / "prepared").exists()
    assert (first / "run.json").exists()
    assert (second / "prepared").exists()


def test_enough_new_minutes_start_the_next_round_early(tmp_path, data):
    trainer = Trainer(tmp_path, [True, True], data)

    finished, messages = rounds_of(
        tmp_path, data, trainer, rounds=2, every=3_600.0, enough_minutes=0.5, look_every=AT_ONCE
    )

    assert [line.outcome for line in finished] == ["published", "published"]
    assert finished[1].labelled_minutes == pytest.approx(2.0, abs=0.05)
    assert any("1.0 new labelled minutes" in line for line in messages)


def test_it_stops_when_the_event_is_set(tmp_path, data):
    stop = threading.Event()
    rounds_of(tmp_path, data, Trainer(tmp_path, [True]), rounds=1)
    waiting = threading.Thread(
        target=rounds_of,
        args=(tmp_path, data, Trainer(tmp_path / "none", [])),
        kwargs={"rounds": 1, "every": 3_600.0, "stop": stop},
    )
    waiting.start()

    stop.set()
    waiting.join(timeout=30)

    assert not waiting.is_alive()
    assert len(history(tmp_path / "runs")) == 1
