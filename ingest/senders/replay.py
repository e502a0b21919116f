"""`har replay`: streams recordings to the gateway as if they were recorded now, each as a device of its own."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from har.activity_names import listed
from har.process.ending import INTERRUPTED, NOT_REACHED, NOT_TRIED, REACHED, report_failure
from har.process.log_format import configure_logs
from har.recordings import RecordingError
from har.signal_quality import TRAINED
from har.time_units import MICROSECONDS
from ingest.senders.device_names import device_names
from ingest.senders.disconnects import GatewayRejectsError, GatewayUnreachableError
from ingest.senders.journal import JournalError
from ingest.senders.replay_settings import FOREVER, ReplaySettings
from ingest.senders.replay_streaming import Replay, ReplayAnswers, require_possible_times
from ingest.senders.spool import Spool, SpooledRecording
from ingest.senders.stopping import interrupted_by_sigterm, stop_of_signals
from recording_files import Source, find_source
from recording_files.checking import Inspection

#: How many recordings are described before they are replayed.
_SHOWN = 8


def run(settings: ReplaySettings) -> int:
    """Replay files; return the exit status."""
    configure_logs("replay", settings)
    try:
        with interrupted_by_sigterm():
            recordings = read(settings)
        return asyncio.run(replay(recordings, settings))
    except RecordingError as error:
        report_failure("har replay", error)
        return NOT_TRIED
    except (GatewayRejectsError, GatewayUnreachableError, JournalError, OSError) as error:
        report_failure("har replay", error)
        return NOT_REACHED
    except (KeyboardInterrupt, asyncio.CancelledError):
        report_failure("har replay", "interrupted before all batches were answered")
        return INTERRUPTED


def read(settings: ReplaySettings) -> list[SpooledRecording]:
    """Read and check the recordings, and keep them in files that vanish with this process.

    Raises
    ------
    RecordingError
        If a file cannot be read, a finding stops the replay, or there is nothing to replay.
    SpoolError
        If the temporary files cannot be written.
    """
    sources = [find_source(path, options=settings.columns()) for path in settings.files]
    _require_each_once(sources)
    wanted = None if settings.users is None else [name for user in settings.users.split(",") if (name := user.strip())]
    with TemporaryDirectory(prefix="har-replay-") as folder, _progress(settings) as progress:
        spool = Spool(Path(folder), wanted, settings.devices)
        for source in sources:
            _spool(source, spool, settings, progress)
        recordings = spool.recordings()
    named = ", ".join(str(source.path) for source in sources)
    if missing := [user for user in wanted or () if user not in spool.seen_users]:
        known = listed(sorted(filter(None, spool.seen_users))) or "users without a name"
        raise RecordingError(f"{named}: there is no user {', '.join(missing)}, but {known}")
    if not recordings:
        raise RecordingError(f"{named}: there are no readings to replay")
    for recording in recordings:
        require_possible_times(recording, settings.speed)
    _describe_changes(spool, settings)
    return recordings


def _require_each_once(sources: Sequence[Source]) -> None:
    given: set[Path] = set()
    for source in sources:
        if (path := source.path.resolve()) in given:
            raise RecordingError(f"{path} is given twice: name it once, or replay it again with --loop")
        given.add(path)


def _spool(source: Source, spool: Spool, settings: ReplaySettings, progress: Progress) -> None:
    # Readings that are out of order are sorted before they are sent.
    inspection = Inspection(force=settings.force, quiet=settings.quiet, bounds=TRAINED, in_order=False)
    bar = progress.add_task(f"reading {source.path.name}", total=None)
    for part in inspection.parts(source):
        spool.add(part, str(source.path))
        progress.advance(bar, len(part))
    progress.remove_task(bar)


def _describe_changes(spool: Spool, settings: ReplaySettings) -> None:
    if settings.quiet:
        return
    if spool.not_finite:
        print(f"{spool.not_finite:,} readings that are NaN or infinite are left out", file=sys.stderr)
    if unordered := spool.unordered():
        text = listed(map(str, unordered))
        print(f"sent in the order of their times, which is not that of the file: {text}", file=sys.stderr)


async def replay(recordings: Sequence[SpooledRecording], settings: ReplaySettings) -> int:
    """Replay recordings at the same time; return the exit status.

    Raises
    ------
    GatewayRejectsError, GatewayUnreachableError
        If the gateway rejects a device, or cannot be reached at first.
    JournalError, OSError
        If a journal cannot be written.
    """
    names = device_names([recording.key for recording in recordings])
    _announce(recordings, names, settings)
    with stop_of_signals() as stop, _progress(settings) as progress:
        rounds = None if settings.loop == FOREVER else settings.loop * sum(map(len, recordings))
        bar = progress.add_task(f"{len(recordings)} recording(s)", total=rounds)
        replays = [
            Replay(recording, name, settings, stop, lambda count: progress.advance(bar, count)).run()
            for recording, name in zip(recordings, names, strict=True)
        ]
        answers = ReplayAnswers()
        for found in await asyncio.gather(*replays):
            answers.add(found)
    return _report(answers, names, settings, was_stopped=stop.is_set())


def _announce(recordings: Sequence[SpooledRecording], names: Sequence[str], settings: ReplaySettings) -> None:
    if settings.quiet:
        return
    for recording, name in list(zip(recordings, names, strict=True))[:_SHOWN]:
        print(f"{name} is {recording.key}", file=sys.stderr)
    if len(names) > _SHOWN:
        print(f"and {len(names) - _SHOWN} more", file=sys.stderr)
    seconds = max(recording.span_us for recording in recordings) / MICROSECONDS / settings.speed
    print(f"the longest takes {timedelta(seconds=round(seconds))}", file=sys.stderr)


def _report(answers: ReplayAnswers, names: Sequence[str], settings: ReplaySettings, *, was_stopped: bool) -> int:
    sessions = f" in {answers.sessions} sessions" if settings.loop != 1 else ""
    print(f"replayed {answers.accepted:,} readings as {listed(names)}{sessions}", flush=True)
    if answers.fault is not None:
        report_failure("har replay", answers.fault)
        return NOT_REACHED
    if was_stopped and settings.loop != FOREVER:
        report_failure("har replay", "interrupted; the gateway has only a part of the recordings")
        return INTERRUPTED
    if not answers.accepted:
        report_failure("har replay", "stopped before the gateway accepted a reading")
        return NOT_REACHED
    return REACHED


@contextmanager
def _progress(settings: ReplaySettings) -> Iterator[Progress]:
    """Show a progress bar on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    is_shown = console.is_terminal and not settings.quiet and settings.log_format == "text"
    with Progress(*columns, console=console, disable=not is_shown) as progress:
        yield progress
