"""Unattended rounds: when they begin, what they are told, and what the history keeps of them."""

import threading
import warnings

import pytest

from tests.trainer.made_recordings import made_recording, write_recordings
from tests.trainer.made_releases import made_release

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow and TensorFlowOnSpark warn of their own insides while imported
    from har.releases import decode_manifest
    from trainer.gate.judgement import GateResult
    from trainer.releases.candidate import Candidate
    from trainer.runs.folder import FolderInUseError, RunFolder
    from trainer.runs.record import RunError
    from trainer.runs.rounds import RoundSchedule, history, run_rounds
    from trainer.runs.run import FinishedRun

AT_ONCE = 0.01


class Trainer:
    """Stands where `har train` trains: it leaves a run's folder and gives the next of the outcomes it was given."""

    def __init__(self, folder, outcomes, data=None):
        self.release = made_release(folder / "release")
        self.outcomes = iter(outcomes)
        self.data = data
        self.turns = []

    def __call__(self, turn):
        self.turns.append(turn)
        turn.folder.mkdir(parents=True, exist_ok=True)
        RunFolder(turn.folder).settings.write_text("{}")
        (turn.folder / "prepared").mkdir(exist_ok=True)
        if self.data is not None:  # the next round finds more
            number = len(self.turns)
            write_recordings(self.data / f"more-{number}.parquet", [made_recording(f"m{number}", seconds=60.0)])
        outcome = next(self.outcomes)
        if isinstance(outcome, BaseException):
            raise outcome
        manifest = decode_manifest((self.release / "manifest.json").read_bytes())
        gate = GateResult(outcome, "Because.", manifest.release, None, [], [])
        return FinishedRun(RunFolder(turn.folder), Candidate(self.release, manifest, None), gate)


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_recordings(folder / "made.parquet", [made_recording(seconds=60.0)])
    return folder


def rounds_of(tmp_path, data, trainer, *, rounds, every=AT_ONCE, stop=None, **schedule):
    told = []
    run_rounds(
        tmp_path / "runs",
        RoundSchedule(every=every, rounds=rounds, **schedule),
        trainer,
        data=[data],
        stop=stop or threading.Event(),
        tell=told.append,
    )
    return history(tmp_path / "runs"), told


def test_a_round_that_fails_in_whatever_way_does_not_end_the_others(tmp_path, data):
    outcomes = [OSError("the disk is full"), RuntimeError("nobody thought of this"), True]

    passed, told = rounds_of(tmp_path, data, Trainer(tmp_path, outcomes, data), rounds=3)

    assert [each.outcome for each in passed] == ["failed", "failed", "published"]
    assert passed[0].reason == "the disk is full"
    assert passed[1].reason == "RuntimeError: nobody thought of this"
    assert len(told) == 3


def test_without_new_recordings_a_round_is_skipped_unless_the_last_one_failed(tmp_path, data):
    trainer = Trainer(tmp_path, [RuntimeError("once"), False])

    passed, _ = rounds_of(tmp_path, data, trainer, rounds=3)

    assert [each.outcome for each in passed] == ["failed", "not published", "skipped"]
    assert len(trainer.turns) == 2


def test_new_recordings_count_after_others_were_removed(tmp_path, data):
    old = write_recordings(data / "old.parquet", [made_recording("old", seconds=120.0)])
    rounds_of(tmp_path, data, Trainer(tmp_path, [True]), rounds=1)
    old.unlink()
    fewer = Trainer(tmp_path / "fewer", [False], data)  # it adds a minute
    early = Trainer(tmp_path / "early", [False])

    rounds_of(tmp_path, data, fewer, rounds=1)
    passed, _ = rounds_of(tmp_path, data, early, rounds=1, every=3_600.0, enough_minutes=0.5, look_every=AT_ONCE)

    assert [each.outcome for each in passed] == ["published", "not published", "not published"]
    assert [each.labelled_minutes for each in passed] == pytest.approx([3.0, 1.0, 2.0], abs=0.05)


def test_a_failed_round_is_tried_again_when_the_next_is_due_and_not_before(tmp_path, data):
    stop = threading.Event()
    trainer = Trainer(tmp_path, [RuntimeError("each time"), RuntimeError("each time")])
    threading.Timer(0.5, stop.set).start()

    passed, _ = rounds_of(
        tmp_path, data, trainer, rounds=2, every=3_600.0, enough_minutes=0.5, look_every=AT_ONCE, stop=stop
    )

    assert [each.outcome for each in passed] == ["failed"]


def test_a_run_that_was_cut_short_goes_on_first_and_at_once(tmp_path, data):
    first = Trainer(tmp_path, [True])
    rounds_of(tmp_path, data, first, rounds=1)
    cut_short = tmp_path / "runs" / "run-99991231T000000.000000Z"
    cut_short.mkdir()
    RunFolder(cut_short).settings.write_text("{}")
    RunFolder(cut_short).checkpoints.mkdir()
    second = Trainer(tmp_path / "second", [True])

    passed, _ = rounds_of(tmp_path, data, second, rounds=1, every=3_600.0)

    assert [(turn.folder, turn.resume) for turn in second.turns] == [(cut_short, True)]
    assert RunFolder(cut_short).checkpoints.exists()
    assert passed[-1].folder == cut_short.name


class KilledError(BaseException):
    """Stands for the end of the process: nothing in it answers that."""


def killed_round(tmp_path, data):
    with pytest.raises(KilledError):
        rounds_of(
            tmp_path, data, Trainer(tmp_path / f"killed-{len(list(tmp_path.iterdir()))}", [KilledError()]), rounds=1
        )


def test_a_run_that_was_cut_short_goes_on_whatever_became_of_the_recordings(tmp_path, data):
    killed_round(tmp_path, data)
    (data / "broken.parquet").write_bytes(b"no table")
    trainer = Trainer(tmp_path, [False, False])

    passed, _ = rounds_of(tmp_path, data, trainer, rounds=1)
    write_recordings(data / "broken.parquet", [made_recording("mended", seconds=60.0)])
    passed, _ = rounds_of(tmp_path, data, trainer, rounds=1)

    assert [turn.resume for turn in trainer.turns] == [True, False]
    assert [each.outcome for each in passed] == ["not published", "not published"]
    assert [each.labelled_minutes for each in passed] == pytest.approx([1.0, 2.0], abs=0.05)


def test_a_run_that_is_cut_short_each_time_is_given_up(tmp_path, data):
    for _ in range(3):
        killed_round(tmp_path, data)
    trainer = Trainer(tmp_path, [True])

    passed, _ = rounds_of(tmp_path, data, trainer, rounds=2)

    assert [each.outcome for each in passed] == ["failed", "published"]
    assert passed[0].reason == "It was begun 3 times and each time cut short; it is given up."
    assert [turn.resume for turn in trainer.turns] == [False]
    assert passed[1].folder != passed[0].folder


def test_a_second_process_on_the_same_folder_is_rejected(tmp_path, data):
    rejected = []

    def train(turn):
        with pytest.raises(FolderInUseError, match="runs is in use by another har train") as raised:
            rounds_of(tmp_path, data, Trainer(tmp_path / "second", [True]), rounds=1)
        rejected.append(raised.value)
        return Trainer(tmp_path, [True])(turn)

    passed, _ = rounds_of(tmp_path, data, train, rounds=1)

    assert len(rejected) == 1
    assert [each.outcome for each in passed] == ["published"]


def test_prepared_data_are_rejected_at_once(tmp_path, data):
    (data / "prepared.json").write_text("{}")

    with pytest.raises(RunError, match="was prepared and does not grow"):
        rounds_of(tmp_path, data, Trainer(tmp_path, []), rounds=1)

    assert not (tmp_path / "runs").exists()


def test_earlier_runs_keep_only_what_is_to_be_read(tmp_path, data):
    passed, _ = rounds_of(tmp_path, data, Trainer(tmp_path, [True, True], data), rounds=2)

    first, second = (tmp_path / "runs" / each.folder for each in passed)
    assert not (first / "prepared").exists()
    assert (first / "run.json").exists()
    assert (second / "prepared").exists()


def test_enough_new_minutes_bring_the_next_round_earlier(tmp_path, data):
    trainer = Trainer(tmp_path, [True, True], data)

    passed, told = rounds_of(tmp_path, data, trainer, rounds=2, every=3_600.0, enough_minutes=0.5, look_every=AT_ONCE)

    assert [each.outcome for each in passed] == ["published", "published"]
    assert passed[1].labelled_minutes == pytest.approx(2.0, abs=0.05)
    assert any("1.0 new labelled minutes" in line for line in told)


def test_it_ends_when_it_is_told_to(tmp_path, data):
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
