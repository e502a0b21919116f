"""`har replay`: streams a recording to the gateway as if it were recorded now.

Event times are shifted so that the recording ends when the replay ends. The shift is a multiple of the hop, so the
windows are the same as offline. Each (user, session) is replayed as a separate device.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from har.batching import SessionName, batches_of_recording
from har.process.clock import now_us
from har.process.ending import INTERRUPTED, NOT_REACHED, REACHED, report_failure
from har.process.log_format import configure_logs
from har.recordings import Recording, RecordingError
from har.samples import SampleBatch
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec
from ingest.senders.journal import Journal, JournalError
from ingest.senders.phone_client import GatewayRejectsError, GatewayUnreachableError, PhoneClient
from ingest.senders.recording_files import read_recordings
from ingest.senders.settings import ReplaySettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReplayPlan:
    """How one recording is replayed.

    Attributes
    ----------
    recording : Recording
        The recording, with its original times.
    name : SessionName
        Device and session of the replay.
    shift_us : int
        Added to its times, µs; a multiple of the hop.
    """

    recording: Recording
    name: SessionName
    shift_us: int


def plan_replay(recordings: list[Recording], *, now_us: int, speed: float, hop_us: int) -> list[ReplayPlan]:
    """Plan replays that all begin at `now_us`, and whose event times end when their last reading is due.

    Parameters
    ----------
    recordings : list of Recording
        What to replay.
    now_us : int
        Start of the replays, µs since the epoch.
    speed : float
        Factor of real time.
    hop_us : int
        Hop of the windows, µs; shifts are multiples of it.
    """
    plans = []
    for recording in recordings:
        first, last = int(recording.times.min()), int(recording.times.max())
        # Below real time, event time falls behind the clock; it must never run ahead of it.
        ends_at = now_us + round((last - first) / max(speed, 1))
        shift = (ends_at - last) // hop_us * hop_us
        device = _identifier(f"{recording.device}-{recording.user}-{recording.session}")
        plans.append(ReplayPlan(recording, SessionName(device, f"replay-{now_us}"), shift))
    return plans


async def replay(plan: ReplayPlan, settings: ReplaySettings, advance: Callable[[int], None]) -> int:
    """Replay one recording; return the number of rejected batches.

    Parameters
    ----------
    plan : ReplayPlan
        The recording and its shift.
    settings : ReplaySettings
        The gateway, speed and journal.
    advance : callable
        Called with the number of readings of each answered batch.
    """
    recording = plan.recording
    times = recording.times + plan.shift_us
    begins_at, first = time.monotonic(), int(times.min())
    labels_of: dict[int, slice] = {}
    with ExitStack() as stack:
        journal = None
        if settings.journal:
            journal = stack.enter_context(Journal(settings.journal, plan.name.device, plan.name.session))

        def accepted(batch: SampleBatch) -> None:
            if journal:
                journal.write(batch, recording.labels[labels_of.pop(batch.sequence)])
            advance(len(batch))

        token = settings.token.get_secret_value() if settings.token else None
        phone = PhoneClient(
            settings.gateway,
            plan.name.device,
            session=plan.name.session,
            token=token,
            on_accepted=accepted,
            first_seconds=settings.first_seconds,
            on_rejected=lambda batch, _: advance(len(batch)),
        )
        async with phone:
            for batch in batches_of_recording(plan.name, times, recording.axes, settings.batch_readings):
                due = begins_at + (batch.newest - first) / MICROSECONDS / settings.speed
                await asyncio.sleep(max(0, due - time.monotonic()))
                begin = batch.sequence * settings.batch_readings
                labels_of[batch.sequence] = slice(begin, begin + len(batch))
                await phone.send_batch(batch)
        return phone.rejected


async def replay_all(plans: list[ReplayPlan], settings: ReplaySettings) -> int:
    """Replay all recordings at the same time with a progress bar; return the number of rejected batches."""
    total = sum(len(plan.recording.times) for plan in plans)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    is_shown = console.is_terminal and not settings.quiet and settings.log_format == "text"
    with Progress(*columns, console=console, disable=not is_shown) as progress:
        bar = progress.add_task(f"{len(plans)} recording(s)", total=total)
        replays = [replay(plan, settings, lambda count: progress.advance(bar, count)) for plan in plans]
        return sum(await asyncio.gather(*replays))


def run(settings: ReplaySettings) -> int:
    """Replay a file; return the exit status."""
    configure_logs("replay", settings)
    try:
        recordings = _select(read_recordings(settings.file), settings)
        plans = plan_replay(recordings, now_us=now_us(), speed=settings.speed, hop_us=WindowSpec().hop_us)
        rejected = asyncio.run(replay_all(plans, settings))
    except (RecordingError, GatewayRejectsError, GatewayUnreachableError, JournalError, OSError) as error:
        report_failure("har replay", error)
        return NOT_REACHED
    except KeyboardInterrupt:
        report_failure("har replay", "interrupted; the gateway has only a part of the recording")
        return INTERRUPTED
    readings = sum(len(plan.recording.times) for plan in plans)
    print(
        f"replayed {readings} readings as {', '.join(plan.name.device for plan in plans)}; {rejected} batches rejected"
    )
    return NOT_REACHED if rejected else REACHED


def _select(recordings: list[Recording], settings: ReplaySettings) -> list[Recording]:
    if settings.user is not None:
        users = settings.user.split(",")
        present = {recording.user for recording in recordings}
        missing = [user for user in users if user not in present]
        if missing:
            raise RecordingError(
                f"{settings.file} has no user {', '.join(missing)}; it has {', '.join(sorted(present))}"
            )
        recordings = [recording for recording in recordings if recording.user in users]
    if not recordings or not any(np.size(recording.times) for recording in recordings):
        raise RecordingError(f"{settings.file} contains no readings")
    return recordings[: settings.devices]


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:64]
