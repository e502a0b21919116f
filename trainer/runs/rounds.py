"""Unattended training: again and again, from the recordings that there are by then to a release that may be published.

A round that fails is told in the history, and the next one comes all the same: whoever looks in the morning finds what
happened in the night. What the last round was trained on is read from the history, so a restart changes nothing.
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

from har.process.line_files import append_line, whole_lines
from har.process.whole_files import write_whole
from har.recordings import NULL_LABEL, RecordingError
from har.releases import ReleaseManifest
from trainer.data_report.survey import survey_source
from trainer.runs.folder import RunFolder, held
from trainer.runs.preparation import find_sources, is_prepared
from trainer.runs.record import RunError
from trainer.runs.run import FinishedRun

HISTORY_FILE = "history.jsonl"
UNDER_WAY_FILE = "under_way.json"
#: What may come of a round.
PUBLISHED, NOT_PUBLISHED, FAILED, SKIPPED = "published", "not published", "failed", "skipped"
TRAINED = {PUBLISHED, NOT_PUBLISHED}
#: With fewer new labelled minutes there is nothing new to learn.
FEWEST_NEW_MINUTES = 0.1
#: A run that so often took the process with it would do so for ever.
MOST_TRIES = 3


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the history.

    Attributes
    ----------
    began, ended : str
        ISO 8601 times, UTC.
    began_seconds : float
        The beginning, s since the epoch.
    folder : str
        The run's; empty if it was skipped.
    labelled_minutes : float
        How much the recordings held when the run began; 0 if they could not be read.
    outcome : {'published', 'not published', 'failed', 'skipped'}
        What came of it.
    reason : str
        Why, in a sentence.
    release : str or None
        The candidate, if it came to one.
    macro_f1 : dict of str to float
        How it did, by protocol and placement.
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


class UnderWay(msgspec.Struct, frozen=True):
    """What is known of a run before anything comes of it: whoever goes on with it could not find out any more.

    Attributes
    ----------
    folder : str
        The run's.
    labelled_minutes : float
        How much the recordings held when it began.
    tries : int
        How often it was begun or gone on with.
    """

    folder: str
    labelled_minutes: float = 0.0
    tries: int = 0


@dataclass(frozen=True, kw_only=True)
class RoundSchedule:
    """When a round begins.

    Attributes
    ----------
    every : float
        From the beginning of a round to that of the next, s.
    enough_minutes : float or None
        So many new labelled minutes bring the next round earlier.
    look_every : float
        How often the recordings are looked at for that, s.
    rounds : int or None
        How many there are; no end, if None.
    """

    every: float
    enough_minutes: float | None = None
    look_every: float = 600.0
    rounds: int | None = None


@dataclass(frozen=True)
class Turn:
    """What a round is given.

    Attributes
    ----------
    folder : Path
        The run's.
    resume : bool
        Whether a run is in it that was cut short.
    """

    folder: Path
    resume: bool


Train = Callable[[Turn], FinishedRun]
Tell = Callable[[str], None]


def labelled_minutes(data: Sequence[str | Path]) -> float:
    """Return how many minutes of the recordings have a label, null not counted.

    Raises
    ------
    RecordingError
        If a data set cannot be read.
    """
    seconds = 0.0
    for source in find_sources(data):
        seconds += sum(found for label, found in survey_source(source).label_seconds().items() if label != NULL_LABEL)
    return seconds / 60


def history(folder: Path) -> list[Round]:
    """Return all rounds, the oldest first; a line that was cut short is left out."""
    return [msgspec.json.decode(line, type=Round) for line in whole_lines(folder / HISTORY_FILE)]


def run_rounds(
    folder: Path, schedule: RoundSchedule, train: Train, *, data: Sequence[str | Path], stop: Event, tell: Tell
) -> None:
    """Train by a schedule until told to stop, and keep the history.

    A run that was cut short, with the process or the machine, goes on first, whatever became of the recordings; it is
    given up after `MOST_TRIES`. A round that is due while as much is labelled as the last one was trained on is left
    out: it could only repeat it.

    Parameters
    ----------
    folder : Path
        Where each round gets a run's folder, and the history is.
    schedule : RoundSchedule
        When.
    train : callable
        Carries out a run. Whatever it raises fails the round, and the next one comes all the same.
    data : sequence of str or Path
        The recordings, to see whether there are new ones.
    stop : Event
        Set to end after the running round.
    tell : callable
        Told of each round.

    Raises
    ------
    RunError
        If the data were prepared beforehand.
    FolderInUseError
        If another process trains into the folder.
    OSError
        If the history cannot be written.
    """
    for path in data:
        if is_prepared([path]):
            raise RunError(f"{path} was prepared and does not grow: train on it once, or give --every the recordings")
    with held(folder):
        done = 0
        while _await_turn(folder, schedule, data, stop, tell):
            passed = _round(folder, train, data)
            append_line(folder / HISTORY_FILE, msgspec.json.encode(passed))
            tell(f"{passed.folder or 'this round'}: {passed.outcome}. {passed.reason}")
            done += 1
            if schedule.rounds is not None and done >= schedule.rounds:
                return


def _await_turn(folder: Path, schedule: RoundSchedule, data: Sequence[str | Path], stop: Event, tell: Tell) -> bool:
    """Wait until the next round is due; return whether there is to be one."""
    past = history(folder)
    if not past or _cut_short(folder, past) is not None:
        return not stop.is_set()
    due = past[-1].began_seconds + schedule.every
    while not stop.is_set() and time() < due:
        if schedule.enough_minutes is None:
            stop.wait(max(0.0, due - time()))
            continue
        new = _new_minutes(past, data, tell)
        if new >= schedule.enough_minutes:
            tell(f"{new:.1f} new labelled minutes: the next round begins")
            return True
        stop.wait(min(schedule.look_every, max(0.0, due - time())))
    return not stop.is_set()


def _new_minutes(past: Sequence[Round], data: Sequence[str | Path], tell: Tell) -> float:
    try:
        # A round that failed is tried again when the next one is due, not over and over.
        return labelled_minutes(data) - _last_minutes(past, {*TRAINED, FAILED})
    except (RecordingError, OSError) as error:
        tell(f"the recordings cannot be read just now: {error}")
        return 0.0


def _last_minutes(past: Sequence[Round], outcomes: Set[str]) -> float:
    """How much was labelled for the last round of some outcomes, 0 if none; some may be removed since."""
    return next((passed.labelled_minutes for passed in reversed(past) if passed.outcome in outcomes), 0.0)


def _cut_short(folder: Path, past: Sequence[Round]) -> Path | None:
    """Return the folder of the run that neither finished nor failed, if there is one."""
    told = {passed.folder for passed in past}
    runs = sorted(run for run in folder.glob("run-*") if RunFolder(run).settings.exists())
    return runs[-1] if runs and runs[-1].name not in told else None


def _under_way(folder: Path, run: str) -> UnderWay:
    """Read what is known of a run that was cut short."""
    try:
        found = msgspec.json.decode((folder / UNDER_WAY_FILE).read_bytes(), type=UnderWay)
    except (OSError, msgspec.MsgspecError):
        return UnderWay(run)
    return found if found.folder == run else UnderWay(run)


def _round(folder: Path, train: Train, data: Sequence[str | Path]) -> Round:
    began_seconds, began = time(), _now()
    past = history(folder)
    cut_short = _cut_short(folder, past)
    run = cut_short or folder / f"run-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    begun = _under_way(folder, run.name)

    def told(outcome: str, reason: str, manifest: ReleaseManifest | None = None) -> Round:
        return Round(
            began=began,
            ended=_now(),
            began_seconds=began_seconds,
            folder="" if outcome == SKIPPED else run.name,
            labelled_minutes=begun.labelled_minutes,
            outcome=outcome,
            reason=reason,
            release=manifest.release if manifest else None,
            macro_f1={name: found.macro_f1 for name, found in manifest.metrics.items()} if manifest else {},
        )

    try:
        if cut_short is None:
            begun = UnderWay(run.name, labelled_minutes(data))
            if past and abs(begun.labelled_minutes - _last_minutes(past, TRAINED)) < FEWEST_NEW_MINUTES:
                return told(SKIPPED, "No recordings were labelled since the last round.")
        elif begun.tries >= MOST_TRIES:
            return told(FAILED, f"It was begun {begun.tries} times and each time cut short; it is given up.")
        begun = msgspec.structs.replace(begun, tries=begun.tries + 1)
        write_whole(folder / UNDER_WAY_FILE, msgspec.json.encode(begun))
        _trim(folder, run)
        finished = train(Turn(run, cut_short is not None))
    except Exception as error:  # unattended: whatever it is, tomorrow's round must come
        traceback.print_exc()
        expected = isinstance(error, (RecordingError, OSError))
        return told(FAILED, str(error) if expected else f"{type(error).__name__}: {error}")
    gate, manifest = finished.gate, finished.candidate.manifest
    if gate is None:
        return told(PUBLISHED, "An earlier try published it.", manifest)
    return told(PUBLISHED if gate.passed else NOT_PUBLISHED, gate.reason, manifest)


def _trim(folder: Path, kept: Path) -> None:
    for earlier in folder.glob("run-*"):
        if earlier != kept:
            RunFolder(earlier).trim()


def _now() -> str:
    return datetime.now(UTC).replace(microsecond=0).isoformat()
