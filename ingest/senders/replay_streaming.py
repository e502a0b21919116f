"""Stream a recording to the gateway as if it were recorded now, once or again and again.

Event times are shifted so that the recording ends when the replay ends. The shift is a multiple of the hop, so the
windows are the same as offline.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import astuple, dataclass, field
from itertools import count
from typing import TypedDict

from har.batching import SessionName, batches_of_recording
from har.gateway_messages import Rejected
from har.process.clock import now_us
from har.recordings import RecordingError
from har.samples import MIN_TIME_US, SampleBatch
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec
from ingest.senders.disconnects import GatewayRejectsError
from ingest.senders.journal import Journal
from ingest.senders.phone_client import PhoneClient
from ingest.senders.replay_settings import FOREVER, ReplaySettings
from ingest.senders.spool import SpooledRecording
from ingest.senders.stopping import unless_stopped


@dataclass
class ReplayAnswers:
    """How the gateway answered.

    Attributes
    ----------
    accepted : int
        Number of readings that Kafka has.
    sessions : int
        Number of sessions that were sent to their end.
    unanswered : int
        Number of batches that it did not answer.
    rejected : Counter of str
        Number of rejected batches by code.
    first_rejection : str
        The first rejection, in the gateway's words.
    """

    accepted: int = 0
    sessions: int = 0
    unanswered: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    first_rejection: str = ""

    def note(self, device: str, rejection: Rejected) -> None:
        """Count a rejected batch."""
        self.rejected[rejection.code] += 1
        self.first_rejection = self.first_rejection or f"{device}: {rejection.code}: {rejection.detail}"

    def add(self, other: "ReplayAnswers") -> None:
        """Add the answers to another recording."""
        self.accepted += other.accepted
        self.sessions += other.sessions
        self.unanswered += other.unanswered
        self.rejected += other.rejected
        self.first_rejection = self.first_rejection or other.first_rejection

    @property
    def fault(self) -> str | None:
        """What went wrong, and why; None if the gateway accepted everything."""
        batches = self.rejected.total()
        if not batches:
            return f"{self.unanswered} batches were not answered" if self.unanswered else None
        what = "all readings" if not self.accepted else f"{batches} batches"
        codes = ", ".join(f"{number} for {code}" for code, number in self.rejected.most_common())
        return f"the gateway rejected {what}: {codes}. The first: {self.first_rejection}"


@dataclass(frozen=True)
class Replay:
    """A recording that is replayed as a device.

    Attributes
    ----------
    recording : SpooledRecording
        The recording, with its original times.
    device : str
        Name of the device.
    settings : ReplaySettings
        The gateway, speed, journal and number of rounds.
    stop : asyncio.Event
        Ends the replay after the current batch.
    advance : callable
        Called with the number of readings of each answered batch.
    """

    recording: SpooledRecording
    device: str
    settings: ReplaySettings
    stop: asyncio.Event
    advance: Callable[[int], None]

    async def run(self) -> ReplayAnswers:
        """Send the recording as often as the settings say.

        Raises
        ------
        GatewayRejectsError, GatewayUnreachableError
            If the gateway rejects the device, or cannot be reached at first.
        JournalError, OSError
            If the journal cannot be written.
        """
        answers = ReplayAnswers()
        for _ in count() if self.settings.loop == FOREVER else range(self.settings.loop):
            if self.stop.is_set():
                break
            await self._send_session(answers)
        return answers

    async def _send_session(self, answers: ReplayAnswers) -> None:
        begins_us, settings = now_us(), self.settings
        name = SessionName(self.device, f"replay-{begins_us}")
        with ExitStack() as stack:
            journal = stack.enter_context(Journal(settings.journal, *astuple(name))) if settings.journal else None
            phone = PhoneClient(
                settings.gateway,
                name.device,
                session=name.session,
                token=settings.token.get_secret_value() if settings.token else None,
                first_seconds=None if answers.sessions else settings.first_seconds,
                finish_seconds=settings.finish_seconds,
                **self._noting(answers, journal),
            )
            try:
                async with phone:
                    if await self._send(phone, name, begins_us):
                        answers.sessions += 1
            except GatewayRejectsError as error:
                raise GatewayRejectsError(f"the gateway rejects {self.device}: {error}") from error
            answers.unanswered += phone.unconfirmed

    def _noting(self, answers: ReplayAnswers, journal: Journal | None) -> "_Noting":
        """Return what a client calls for each answer. Answers come in the order of the batches."""
        answered = 0

        def accepted(batch: SampleBatch) -> None:
            nonlocal answered
            if journal:
                journal.write(batch, self.recording.labels(answered, answered + len(batch)))
            answers.accepted += len(batch)
            answered += len(batch)
            self.advance(len(batch))

        def rejected(batch: SampleBatch, rejection: Rejected) -> None:
            nonlocal answered
            answers.note(self.device, rejection)
            answered += len(batch)
            self.advance(len(batch))

        return {"on_accepted": accepted, "on_rejected": rejected}

    async def _send(self, phone: PhoneClient, name: SessionName, begins_us: int) -> bool:
        """Send all batches when they are due, and wait for the answers; return whether that was not stopped."""
        recording, speed = self.recording, self.settings.speed
        begins, shift_us = time.monotonic(), shift_of(recording, begins_us=begins_us, speed=speed)
        batches = batches_of_recording(
            name, recording.times, recording.axes, self.settings.batch_readings, shift_us=shift_us
        )
        for batch in batches:
            due = begins + (batch.newest - shift_us - recording.first_us) / MICROSECONDS / speed
            if (pause := due - time.monotonic()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await unless_stopped(self.stop, phone.failure())
            await unless_stopped(self.stop, phone.send_batch(batch))
            if self.stop.is_set():
                return False
        await unless_stopped(self.stop, phone.finish())
        return not self.stop.is_set()


class _Noting(TypedDict):
    on_accepted: Callable[[SampleBatch], None]
    on_rejected: Callable[[SampleBatch, Rejected], None]


def require_possible_times(recording: SpooledRecording, speed: float) -> None:
    """Raise if a recording cannot end now, as its first reading would then be from before 2001.

    Raises
    ------
    RecordingError
        With the recording and its length.
    """
    now = now_us()
    if recording.first_us + shift_of(recording, begins_us=now, speed=speed) < MIN_TIME_US:
        days = recording.span_us / MICROSECONDS / 86_400
        raise RecordingError(
            f"{recording.key.data_set}: {recording.key}: its times span {days:,.0f} days, so one of them or their unit "
            "is wrong: correct them, or state the unit with --time-unit"
        )


def shift_of(recording: SpooledRecording, *, begins_us: int, speed: float) -> int:
    """Return what is added to the times of a recording whose replay begins at a time, so that both end together.

    Parameters
    ----------
    recording : SpooledRecording
        The recording.
    begins_us : int
        Start of the replay, µs since the epoch.
    speed : float
        Factor of real time.

    Returns
    -------
    int
        The shift, µs; a multiple of the hop of windows.
    """
    # Below real time, event time falls behind the clock; it must never run ahead of it.
    ends_us = begins_us + round(recording.span_us / max(speed, 1))
    hop_us = WindowSpec().hop_us
    return (ends_us - recording.last_us) // hop_us * hop_us
