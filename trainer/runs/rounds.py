"""Scheduled training without supervision: each round trains on the current recordings and may publish a release.

The history records every round. A failed round does not stop the following ones. The state of the schedule is read from
the history, so it survives a restart.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import time

import msgspec

from har.process.clock import utc_text
from har.process.line_files import append_line, whole_lines
from har.process.whole_files import write_whole
from har.recordings import RecordingError
from har.releases import ReleaseManifest
from har.samples import UNDECODABLE
from trainer.run_folder import RunFolder, lock_folder
from trainer.runs.preparation import is_prepared
from trainer.runs.record import RunError
from trainer.runs.run import FinishedRun
from trainer.runs.watched_recordings import WatchedRecordings

HISTORY_FILE = "history.jsonl"
UNDER_WAY_FILE = "under_way.json"
#: Outcomes of a round.
PUBLISHED, NOT_PUBLISHED, FAILED, SKIPPED = "published", "not published", "failed", "skipped"
TRAINED = {PUBLISHED, NOT_PUBLISHED}
#: A round is skipped if the labelled minutes changed by less.
FEWEST_NEW_MINUTES = 0.1
#: A run that was interrupted this often is given up, since it may crash the process each time.
MOST_TRIES = 3


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the history.

    Attributes
    ----------
    began, ended : str
        ISO 8601 times, UTC.
    began_seconds : float
        Start of the round, s since the epoch.
    folder : str
        Name of the run folder; empty if the round was skipped.
    labelled_minutes : float
        Labelled minutes in the recordings when the run started; 0 if they could not be read.
    outcome : {'published', 'not published', 'failed', 'skipped'}
        Outcome of the round.
    reason : str
        Explanation of the outcome, in a sentence.
    release : str or None
        Name of the candidate's release; None if there is none.
    macro_f1 : dict of str to float
        The candidate's macro-F1, by protocol and placement.
    """

    began: str
    ended: str
    began_seconds: float
    folder: str
    labelled_minutes: float
    outcome: str
    reason: str
    release: str | None = None
    macro_f1: dict[str, float] = {}


class CurrentRun(msgspec.Struct, frozen=True):
    """State of the current run, ``under_way.json``, which a later process needs to continue the run.

    Attributes
    ----------
    folder : str
        Name of the run folder.
    labelled_minutes : float
        Labelled minutes in the recordings when the run started.
    tries : int
        How often the run was started or resumed.
    """

    folder: str
    labelled_minutes: float = 0.0
    tries: int = 0


@dataclass(frozen=True, kw_only=True)
class RoundSchedule:
    """When rounds start.

    Attributes
    ----------
    every : float
        Time from the start of a round to the start of the next, s.
    enough_minutes : float or None
        New labelled minutes that start the next round early; None if only time does.
    look_every : float
        Interval of checks for new labelled minutes, s.
    rounds : int or None
        Number of rounds; None for no limit.
    """

    every: float
    enough_minutes: float | None = None
    look_every: float = 600.0
    rounds: int | None = None


@dataclass(frozen=True)
class RunStart:
    """The run that a round starts or resumes.

    Attributes
    ----------
    folder : Path
        Run folder.
    resume : bool
        Whether the folder contains an interrupted run.
    """

    folder: Path
    resume: bool


Train = Callable[[RunStart], FinishedRun]
Report = Callable[[str], None]


def history(folder: Path) -> list[Round]:
    """Return all rounds, oldest first, without an incomplete line."""
    return [msgspec.json.decode(line, type=Round) for line in whole_lines(folder / HISTORY_FILE)]


def run_rounds(
    folder: Path, schedule: RoundSchedule, train: Train, *, recordings: WatchedRecordings, stop: Event, report: Report
) -> list[Round]:
    """Train by a schedule until `stop` is set, and write the history.

    An interrupted run is resumed first, regardless of the recordings, and is given up after `MOST_TRIES`. A round
    is skipped if the labelled minutes have not changed since the last training.

    Parameters
    ----------
    folder : Path
        Folder of the history and of all run folders.
    schedule : RoundSchedule
        When rounds start.
    train : callable
        Carries out a run. If it raises an exception, the round fails, and the schedule continues.
    recordings : WatchedRecordings
        The recordings, which are checked for new labels.
    stop : Event
        Set to stop after the current round.
    report : callable
        Receives a message about each round.

    Returns
    -------
    list of Round
        The rounds, oldest first.

    Raises
    ------
    RunError
        If the data are a prepared folder.
    FolderInUseError
        If another process is training into the folder.
    OSError
        If the history cannot be written.
    """
    for path in recordings.data:
        if is_prepared([path]):
            raise RunError(f"{path} is a prepared folder and does not grow: give recordings, or train without --every")
    done: list[Round] = []
    with lock_folder(folder):
        while len(done) != schedule.rounds and _await_round(folder, schedule, recordings, stop, report):
            finished = _round(folder, train, recordings)
            append_line(folder / HISTORY_FILE, msgspec.json.encode(finished))
            report(f"{finished.folder or 'this round'}: {finished.outcome}. {finished.reason}")
            done.append(finished)
    return done


def _await_round(
    folder: Path, schedule: RoundSchedule, recordings: WatchedRecordings, stop: Event, report: Report
) -> bool:
    """Wait until the next round is due; return False if `stop` is set."""
    past = history(folder)
    if not past or _interrupted_run(folder, past) is not None:
        return not stop.is_set()
    due = past[-1].began_seconds + schedule.every
    while not stop.is_set() and time() < due:
        if schedule.enough_minutes is None:
            stop.wait(max(0.0, due - time()))
            continue
        new = _new_minutes(past, recordings, report)
        if new >= schedule.enough_minutes:
            report(f"{new:.1f} new labelled minutes: starting the next round")
            return True
        stop.wait(min(schedule.look_every, max(0.0, due - time())))
    return not stop.is_set()


def _new_minutes(past: Sequence[Round], recordings: WatchedRecordings, report: Report) -> float:
    try:
        # A failed round counts too: it is retried when the next round is due, not at once.
        return recordings.labelled_minutes() - _last_minutes(past, {*TRAINED, FAILED})
    except (RecordingError, OSError) as error:
        report(f"cannot read the recordings: {error}")
        return 0.0


def _last_minutes(past: Sequence[Round], outcomes: Set[str]) -> float:
    """Return the labelled minutes of the last round with one of the outcomes; 0 if there is none."""
    return next((earlier.labelled_minutes for earlier in reversed(past) if earlier.outcome in outcomes), 0.0)


def _interrupted_run(folder: Path, past: Sequence[Round]) -> Path | None:
    """Return the folder of the run that neither finished nor failed; None if there is none."""
    recorded = {earlier.folder for earlier in past}
    runs = sorted(run for run in folder.glob("run-*") if RunFolder(run).settings.exists())
    return runs[-1] if runs and runs[-1].name not in recorded else None


def _read_current(folder: Path, run: str) -> CurrentRun:
    """Read the state of an interrupted run."""
    try:
        found = msgspec.json.decode((folder / UNDER_WAY_FILE).read_bytes(), type=CurrentRun)
    except (OSError, *UNDECODABLE):
        return CurrentRun(run)
    return found if found.folder == run else CurrentRun(run)


def _round(folder: Path, train: Train, recordings: WatchedRecordings) -> Round:
    began_seconds, began = time(), utc_text()
    past = history(folder)
    interrupted = _interrupted_run(folder, past)
    run = interrupted or folder / f"run-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    current = _read_current(folder, run.name)

    def result(outcome: str, reason: str, manifest: ReleaseManifest | None = None) -> Round:
        return Round(
            began=began,
            ended=utc_text(),
            began_seconds=began_seconds,
            folder="" if outcome == SKIPPED else run.name,
            labelled_minutes=current.labelled_minutes,
            outcome=outcome,
            reason=reason,
            release=manifest.release if manifest else None,
            macro_f1={name: found.macro_f1 for name, found in manifest.metrics.items()} if manifest else {},
        )

    try:
        if interrupted is None:
            current = CurrentRun(run.name, recordings.labelled_minutes())
            if past and abs(current.labelled_minutes - _last_minutes(past, TRAINED)) < FEWEST_NEW_MINUTES:
                return result(SKIPPED, "The labelled minutes have not changed since the last training.")
        elif current.tries >= MOST_TRIES:
            return result(FAILED, f"The run was interrupted {current.tries} times and is given up.")
        current = msgspec.structs.replace(current, tries=current.tries + 1)
        write_whole(folder / UNDER_WAY_FILE, msgspec.json.encode(current))
        _trim(folder, run)
        finished = train(RunStart(run, interrupted is not None))
    except Exception as error:  # no error may stop the schedule
        traceback.print_exc()
        expected = isinstance(error, (RecordingError, OSError))
        return result(FAILED, str(error) if expected else f"{type(error).__name__}: {error}")
    gate, manifest = finished.gate, finished.candidate.manifest
    if gate is None:
        return result(PUBLISHED, "An earlier attempt already published the release.", manifest)
    return result(PUBLISHED if gate.passed else NOT_PUBLISHED, gate.reason, manifest)


def _trim(folder: Path, kept: Path) -> None:
    for earlier in folder.glob("run-*"):
        if earlier != kept:
            RunFolder(earlier).trim()
