"""`har replay`: a recording streams to the gateway as if it were happening now.

Event times are shifted by a multiple of the hop, so that the recording ends when the replay does, and the
windows are those that the recording gives offline. Each (user, session) becomes a device of its own.
"""

import asyncio
import logging
import logging.config
import re
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from har.batching import SessionName, batches_of_recording
from har.process.log_format import logging_config
from har.recordings import Recording, RecordingError
from har.samples import SampleBatch
from har.windows import MICROSECONDS, WindowSpec
from ingest.senders.journal import Journal
from ingest.senders.phone_client import GatewayRejectsError, PhoneClient
from ingest.senders.recording_files import read_recordings
from ingest.senders.settings import ReplaySettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReplayPlan:
    """How one recording is replayed.

    Attributes
    ----------
    recording : Recording
        What is replayed; its times stay as they were.
    name : SessionName
        The device and session that it is replayed as.
    shift_us : int
        What is added to its times, a multiple of the hop.
    """

    recording: Recording
    name: SessionName
    shift_us: int


def plan_replay(recordings: list[Recording], *, now_us: int, speed: float, hop_us: int) -> list[ReplayPlan]:
    """Plan to begin all recordings at `now_us` and to end each when its last reading is due."""
    plans = []
    for recording in recordings:
        first, last = int(recording.times.min()), int(recording.times.max())
        # Slower than real time, event time falls behind; it must never run ahead of the clock.
        ends_at = now_us + round((last - first) / max(speed, 1))
        shift = (ends_at - last) // hop_us * hop_us
        device = _identifier(f"{recording.device}-{recording.user}-{recording.session}")
        plans.append(ReplayPlan(recording, SessionName(device, f"replay-{now_us}"), shift))
    return plans


async def replay(plan: ReplayPlan, settings: ReplaySettings, advance: Callable[[int], None]) -> int:
    """Replay one recording; returns how many batches were rejected."""
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
    """Replay all recordings side by side with a progress bar; returns how many batches were rejected."""
    total = sum(len(plan.recording.times) for plan in plans)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=settings.quiet, transient=False) as progress:
        bar = progress.add_task(f"{len(plans)} recording(s)", total=total)
        replays = [replay(plan, settings, lambda count: progress.advance(bar, count)) for plan in plans]
        return sum(await asyncio.gather(*replays))


def run(settings: ReplaySettings) -> int:
    """Replay a file; return the exit status."""
    logging.config.dictConfig(logging_config("replay", "WARNING"))
    try:
        recordings = _chosen(read_recordings(settings.file), settings)
        plans = plan_replay(recordings, now_us=time.time_ns() // 1000, speed=settings.speed, hop_us=WindowSpec().hop_us)
        rejected = asyncio.run(replay_all(plans, settings))
    except (RecordingError, GatewayRejectsError) as error:
        print(f"har replay: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    readings = sum(len(plan.recording.times) for plan in plans)
    print(
        f"replayed {readings} readings as {', '.join(plan.name.device for plan in plans)}; {rejected} batches rejected"
    )
    return 1 if rejected else 0


def _chosen(recordings: list[Recording], settings: ReplaySettings) -> list[Recording]:
    if settings.user is not None:
        users = settings.user.split(",")
        there = {recording.user for recording in recordings}
        absent = [user for user in users if user not in there]
        if absent:
            raise RecordingError(f"no user {', '.join(absent)} in {settings.file}; it has {', '.join(sorted(there))}")
        recordings = [recording for recording in recordings if recording.user in users]
    if not recordings or not any(np.size(recording.times) for recording in recordings):
        raise RecordingError(f"{settings.file} holds no reading")
    return recordings[: settings.devices]


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:64]
