"""Unattended training: again and again, from the recordings that there are by then to a release that may be published.

A round that fails is told in the history, and the next one comes all the same: whoever looks in the morning finds what
happened in the night. What the last round was trained on is read from the history, so a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import time

import msgspec

from har.recordings import NULL_LABEL, RecordingError
from trainer.data_report.survey import survey_source
from trainer.run_folder import RunFolder
from trainer.run_preparation import find_sources
from trainer.training_run import FinishedRun

HISTORY_FILE = "history.jsonl"


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the history.

    Attributes
    ----------
    began, ended : str
        ISO 8601 times, UTC.
    began_seconds : float
        The beginning, s since the epoch.
    folder : str
        The run's.
    labelled_minutes : float
        How much the recordings held.
    outcome : {'published', 'not published', 'failed'}
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


@dataclass(frozen=True, kw_only=True)
class Schedule:
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
    path = folder / HISTORY_FILE
    if not path.exists():
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    return [msgspec.json.decode(line, type=Round) for line in lines if line.endswith(b"\n")]


def run_rounds(
    folder: Path,
    schedule: Schedule,
    train: Callable[[Path], FinishedRun],
    *,
    data: Sequence[str | Path],
    expected: tuple[type[Exception], ...],
    stop: Event,
    tell: Callable[[str], None],
) -> None:
    """Train by a schedule until told to stop, and keep the history.

    Parameters
    ----------
    folder : Path
        Where each round gets a run's folder, and the history is.
    schedule : Schedule
        When.
    train : callable
        Carries out a run in a folder.
    data : sequence of str or Path
        The recordings, to see whether there are new ones.
    expected : tuple of exception types
        What fails a round, but does not end the rounds.
    stop : Event
        Set to end after the running round.
    tell : callable
        Told of each round.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = 0
    while _await_turn(folder, schedule, data, stop, tell):
        finished = _round(folder, train, data, expected)
        _append(folder, finished)
        tell(f"{finished.folder}: {finished.outcome}. {finished.reason}")
        done += 1
        if schedule.rounds is not None and done >= schedule.rounds:
            return


def _await_turn(
    folder: Path, schedule: Schedule, data: Sequence[str | Path], stop: Event, tell: Callable[[str], None]
) -> bool:
    """Wait until the next round is due; return whether there is to be one."""
    past = history(folder)
    if not past:
        return not stop.is_set()
    due = past[-1].began_seconds + schedule.every
    known = max((passed.labelled_minutes for passed in past), default=0.0)
    while not stop.is_set() and time() < due:
        if schedule.enough_minutes is None:
            stop.wait(max(0.0, due - time()))
            continue
        try:
            new = labelled_minutes(data) - known
        except RecordingError as error:
            tell(f"the recordings cannot be read just now: {error}")
        else:
            if new >= schedule.enough_minutes:
                tell(f"{new:.1f} new labelled minutes: the next round begins")
                return True
        stop.wait(min(schedule.look_every, max(0.0, due - time())))
    return not stop.is_set()


def _round(
    folder: Path,
    train: Callable[[Path], FinishedRun],
    data: Sequence[str | Path],
    expected: tuple[type[Exception], ...],
) -> Round:
    began_seconds, began = time(), _now()
    for earlier in folder.glob("run-*"):
        RunFolder(earlier).trim()
    run = folder / f"run-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    minutes = 0.0
    try:
        minutes = labelled_minutes(data)
        finished = train(run)
    except expected as error:
        return Round(
            began=began,
            ended=_now(),
            began_seconds=began_seconds,
            folder=run.name,
            labelled_minutes=minutes,
            outcome="failed",
            reason=str(error),
        )
    gate, manifest = finished.gate, finished.candidate.manifest
    return Round(
        began=began,
        ended=_now(),
        began_seconds=began_seconds,
        folder=run.name,
        labelled_minutes=minutes,
        outcome="published" if gate is not None and gate.published else "not published",
        reason=gate.reason if gate is not None else "There is no store.",
        release=manifest.release,
        macro_f1={protocol: found.macro_f1 for protocol, found in manifest.metrics.items()},
    )


def _append(folder: Path, finished: Round) -> None:
    with (folder / HISTORY_FILE).open("ab") as file:
        file.write(msgspec.json.encode(finished) + b"\n")


def _now() -> str:
    return datetime.now(UTC).replace(microsecond=0).isoformat()
