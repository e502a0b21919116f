"""Run `har train`: one run by the settings, or scheduled rounds of runs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from types import FrameType

from rich.console import Console

from har.process.ending import NOT_REACHED, REACHED
from har.recordings import RecordingError
from har.release_documents import ReleaseError
from recording_files.checking import status_of
from trainer.distributed.cluster import ExecutorError
from trainer.distributed.spark_session import SparkUnavailableError
from trainer.fitting.finite_loss import NonFiniteLossError
from trainer.fitting.fit_settings import FitSettings
from trainer.fitting.networks import UnknownNetworkError, require_network
from trainer.freezing import FreezingError
from trainer.gate.judgement import GateError
from trainer.request import Mode, TrainRequest
from trainer.runs.library_output import LibraryOutput
from trainer.runs.publication import Destination, require_store
from trainer.runs.rounds import FAILED, HISTORY_FILE, RoundSchedule, RunStart, run_rounds
from trainer.runs.run import FinishedRun, RunOptions, run_training
from trainer.runs.watched_recordings import WatchedRecordings
from trainer.settings import TrainSettings
from trainer.signal_bounds import bounds_of
from trainer.splits import ReservedTestUserError

#: Errors that a user can fix. They are printed without a traceback; any other error is a bug.
EXPECTED: tuple[type[Exception], ...] = (
    RecordingError,
    ReleaseError,
    ReservedTestUserError,
    UnknownNetworkError,
    SparkUnavailableError,
    ExecutorError,
    NonFiniteLossError,
    FreezingError,
    GateError,
    OSError,
)


def train(settings: TrainSettings, output: LibraryOutput) -> int:
    """Train by the settings, and report on the terminal; return the exit status."""
    console = Console(file=output.terminal, soft_wrap=True)
    try:
        request = request_of(settings)
        if (destination := _destination(settings)) is not None:
            require_store(destination)
        if settings.every is not None:
            failed = _run_rounds(settings, request, console, output)
            if failed:
                print(
                    f"har train: {failed} failed; {settings.output / HISTORY_FILE} has the reasons",
                    file=output.terminal,
                )
            return NOT_REACHED if failed else REACHED
        finished = run_training(request, options_of(settings, settings.output), console)
    except EXPECTED as error:
        print(f"har train: {_message(error, settings.output)}", file=output.terminal)
        return status_of(error)
    print(f"{finished.candidate.folder}: release {finished.candidate.manifest.release}")
    if finished.gate is not None and not finished.gate.passed:
        print(f"har train: the release is not published: {finished.gate.reason}", file=output.terminal)
        return NOT_REACHED
    return REACHED


def _message(error: Exception, folder: Path) -> str:
    """Return the message of an error, with the folder if the error names no file, as on a full disk."""
    if isinstance(error, OSError) and error.errno is not None and error.filename is None:
        return f"could not write {folder}: {error}; continue with the same command and --resume"
    return str(error)


def request_of(settings: TrainSettings) -> TrainRequest:
    """Build the training request from the settings.

    Raises
    ------
    UnknownNetworkError
        If there is no such network.
    RecordingError
        If options that follow a path are invalid.
    """
    require_network(settings.network)
    mode = Mode(settings.mode)
    return TrainRequest(
        data=settings.stated_data(),
        network=settings.network,
        classes=tuple(settings.classes),
        background=tuple(settings.background),
        signal_bounds=bounds_of(settings.signal_bounds),
        held_out_share=settings.held_out_share,
        shards=settings.shards,
        fit=FitSettings(
            epochs=settings.epochs,
            windows_per_epoch=settings.windows_per_epoch,
            batch=settings.batch,
            peak_rate=settings.peak_rate,
            clip_norm=settings.clip_norm,
            seed=settings.seed,
            threads=settings.threads,
        ),
        mode=mode,
        workers=1 if mode is Mode.LOCAL else settings.executors,
        unknown_cost=settings.unknown_cost,
    )


def options_of(settings: TrainSettings, folder: Path, *, resume: bool | None = None) -> RunOptions:
    """Build the options of a run from the settings."""
    return RunOptions(
        folder=folder,
        resume=settings.resume if resume is None else resume,
        release=settings.name,
        master=settings.master,
        time_limit=settings.time_limit,
        destination=_destination(settings),
        force=settings.force,
        quiet=settings.quiet,
    )


def _destination(settings: TrainSettings) -> Destination | None:
    if settings.store is None:
        return None
    return Destination(
        store=settings.store, online_keys=settings.online_keys, channel=settings.channel, share=settings.share
    )


def _run_rounds(settings: TrainSettings, request: TrainRequest, console: Console, output: LibraryOutput) -> str:
    """Run the rounds; return how many of ``--rounds`` failed, or nothing if none did, or if there is no such limit."""
    assert settings.every is not None
    schedule = RoundSchedule(
        every=settings.every,
        enough_minutes=settings.enough_minutes,
        look_every=settings.look_every,
        rounds=settings.rounds,
    )

    def train(start: RunStart) -> FinishedRun:
        output.move(start.folder / "logs" / "driver.log")
        try:
            options = options_of(settings, start.folder, resume=start.resume)
            return run_training(request, options, console)
        finally:
            output.move(settings.output / "driver.log")

    with _stopping() as stop:
        done = run_rounds(
            settings.output,
            schedule,
            train,
            recordings=WatchedRecordings(request.data, request.classes),
            stop=stop,
            report=partial(console.print, highlight=False),
        )
    failed = sum(each.outcome == FAILED for each in done)
    return f"{failed} of {len(done)} rounds" if failed and settings.rounds is not None else ""


@contextmanager
def _stopping() -> Iterator[Event]:
    """Yield an event that the first SIGTERM or SIGINT sets; a second signal has its usual effect."""
    stop = Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def set_stop(number: int, frame: FrameType | None) -> None:
        del frame
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, set_stop)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
