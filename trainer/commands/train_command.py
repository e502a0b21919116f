"""What `har train` does: one run as the settings say, or rounds of them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from types import FrameType

from rich.console import Console

from har.recordings import RecordingError
from har.releases import ReleaseError
from trainer.distributed.cluster import ExecutorError
from trainer.distributed.spark_session import SparkUnavailableError
from trainer.fitting.finite_loss import NonFiniteLossError
from trainer.fitting.fit_settings import FitSettings
from trainer.fitting.networks import NETWORKS, UnknownNetworkError
from trainer.freezing import FreezingError
from trainer.gate.judgement import GateError
from trainer.request import Mode, TrainRequest
from trainer.runs.library_output import LibraryOutput
from trainer.runs.publication import Destination
from trainer.runs.rounds import RoundSchedule, Turn, run_rounds
from trainer.runs.run import FinishedRun, RunOptions, run_training
from trainer.settings import TrainSettings
from trainer.sources.splits import ReservedTestUserError

FAILED = 1
#: What a user can do something about; anything else is a fault of ours and shows where it happened.
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
    """Train as the settings say, and tell it on the terminal; return the exit status."""
    console = Console(file=output.terminal, soft_wrap=True)
    try:
        request = request_of(settings)
        if settings.every is not None:
            _run_rounds(settings, request, console, output)
            return 0
        finished = run_training(request, options_of(settings, settings.output), console)
    except EXPECTED as error:
        print(f"har train: {_told(error, settings.output)}", file=output.terminal)
        return FAILED
    print(f"{finished.candidate.folder}: release {finished.candidate.manifest.release}")
    return 0


def _told(error: Exception, folder: Path) -> str:
    """Return what went wrong; a write to a full disk does not say by itself where it was."""
    if isinstance(error, OSError) and error.errno is not None and error.filename is None:
        return f"{folder} could not be written: {error}; the same command with --resume goes on"
    return str(error)


def request_of(settings: TrainSettings) -> TrainRequest:
    """Return what the settings ask to be trained.

    Raises
    ------
    UnknownNetworkError
        If there is no such network.
    """
    if settings.network not in NETWORKS:
        raise UnknownNetworkError(f"no network called {settings.network!r}; there are: {', '.join(sorted(NETWORKS))}")
    given = {
        name: getattr(settings, name)
        for name in ("epochs", "windows_per_epoch", "batch", "peak_rate", "clip_norm")
        if getattr(settings, name) is not None
    }
    mode = Mode(settings.mode)
    return TrainRequest(
        data=tuple(str(path) for path in settings.data),
        network=settings.network,
        classes=tuple(settings.classes),
        held_out_share=settings.held_out_share,
        shards=settings.shards,
        fit=replace(FitSettings(seed=settings.seed, threads=settings.threads), **given),
        mode=mode,
        workers=1 if mode is Mode.LOCAL else settings.executors,
        unknown_cost=settings.unknown_cost,
    )


def options_of(settings: TrainSettings, folder: Path, *, resume: bool | None = None) -> RunOptions:
    """Return how the settings ask a run to be carried out."""
    return RunOptions(
        folder=folder,
        resume=settings.resume if resume is None else resume,
        release=settings.name,
        master=settings.master,
        time_limit=settings.time_limit,
        destination=_destination(settings),
    )


def _destination(settings: TrainSettings) -> Destination | None:
    if settings.store is None:
        return None
    return Destination(
        store=settings.store, online_keys=settings.online_keys, channel=settings.channel, share=settings.share
    )


def _run_rounds(settings: TrainSettings, request: TrainRequest, console: Console, output: LibraryOutput) -> None:
    assert settings.every is not None
    schedule = RoundSchedule(
        every=settings.every,
        enough_minutes=settings.enough_minutes,
        look_every=settings.look_every,
        rounds=settings.rounds,
    )

    def train(turn: Turn) -> FinishedRun:
        output.move(turn.folder / "logs" / "driver.log")
        try:
            options = options_of(settings, turn.folder, resume=turn.resume)
            return run_training(request, options, console)
        finally:
            output.move(settings.output / "driver.log")

    with _stopping() as stop:
        run_rounds(
            settings.output,
            schedule,
            train,
            data=settings.data,
            stop=stop,
            tell=partial(console.print, highlight=False),
        )


@contextmanager
def _stopping() -> Iterator[Event]:
    """Give an event that the first SIGTERM or SIGINT sets; a second one does what it always does."""
    stop = Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
