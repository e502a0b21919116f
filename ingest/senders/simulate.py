"""`har simulate`: streams readings of simulated wearers to the gateway in real time."""

import asyncio
import logging
import signal
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

from har.process.clock import now_us
from har.process.ending import INTERRUPTED, NOT_REACHED, REACHED, report_failure
from har.process.log_format import configure_logs
from har.process.start_line import log_start
from har.samples import SampleBatch
from har.time_units import MICROSECONDS
from ingest.senders.disconnects import GatewayRejectsError
from ingest.senders.journal import Journal, JournalError
from ingest.senders.phone_client import PhoneClient
from ingest.senders.settings import SimulateSettings
from ingest.senders.stopping import unless_stopped
from ingest.simulation.phone import SimulatedPhone

log = logging.getLogger(__name__)

#: How many phones the line of the start describes.
SHOWN = 8


@dataclass(frozen=True)
class Answers:
    """How a gateway answered the batches of a phone.

    Attributes
    ----------
    acknowledged, rejected : int
        Numbers of batches that Kafka has, and that the gateway rejected.
    unanswered : int
        Number of batches that the gateway did not answer.
    stopped_early : bool
        Whether a signal ended the phones before their time was over.
    """

    acknowledged: int = 0
    rejected: int = 0
    unanswered: int = 0
    stopped_early: bool = False

    @property
    def reaches_purpose(self) -> bool:
        """Whether Kafka has every batch, and there was one."""
        return self.acknowledged > 0 and not self.rejected + self.unanswered

    def describe(self) -> str:
        """Return the numbers as text."""
        return f"{self.acknowledged} batches acknowledged, {self.rejected} rejected, {self.unanswered} not answered"


async def stream_phone(phone: SimulatedPhone, settings: SimulateSettings, stop: asyncio.Event) -> Answers:
    """Stream one phone's readings in real time until `stop` is set, then send the remaining readings."""
    with ExitStack() as stack:
        journal = None
        if settings.journal:
            journal = stack.enter_context(Journal(settings.journal, phone.device, phone.session))

        def accepted(batch: SampleBatch) -> None:
            if journal:
                journal.write(batch, phone.activity_at(batch.times))

        client = PhoneClient(
            settings.gateway,
            phone.device,
            session=phone.session,
            token=settings.token.get_secret_value() if settings.token else None,
            batch_readings=settings.batch_readings,
            on_accepted=accepted,
            finish_seconds=settings.finish_seconds,
        )
        period = settings.batch_readings / phone.sample_rate_hz
        async with client:
            while not stop.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(period):
                        await stop.wait()
                readings = phone.readings_until(now_us())
                # While the client's buffer is full, this waits for the gateway.
                await unless_stopped(stop, client.send(readings.time_us, readings.acceleration))
        answers = Answers(client.accepted, client.rejected, client.unconfirmed)
        log.info("%s: %s", phone.device, answers.describe())
        return answers


async def simulate(settings: SimulateSettings) -> Answers:
    """Stream all phones until SIGINT, SIGTERM or the time limit; a second signal stops without waiting for answers.

    Returns
    -------
    Answers
        The answers to all phones together.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    streaming = asyncio.current_task()
    assert streaming is not None
    stopped_early = False

    def leave() -> None:
        nonlocal stopped_early
        if stop.is_set():
            streaming.cancel()
        else:
            stopped_early = settings.seconds is not None
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave)
    if settings.seconds is not None:
        loop.call_later(settings.seconds, stop.set)
    now = now_us()
    phones = [
        SimulatedPhone(
            settings.seed,
            settings.first + number,
            # The phones start at different moments within a second, as real phones do.
            session_start_us=now - number * MICROSECONDS // settings.devices,
            segment_seconds=settings.segment_seconds,
        )
        for number in range(settings.devices)
    ]
    shown = ", ".join(f"{phone.device} ({phone.placement}, {phone.sample_rate_hz:g} Hz)" for phone in phones[:SHOWN])
    more = f" and {len(phones) - SHOWN} more" if len(phones) > SHOWN else ""
    log_start(log, settings, uses={"phones": f"{shown}{more}", "gateway": settings.gateway})
    answers = _total(await asyncio.gather(*(stream_phone(phone, settings, stop) for phone in phones)))
    return replace(answers, stopped_early=stopped_early)


def _total(answers: Iterable[Answers]) -> Answers:
    listed = list(answers)
    return Answers(
        sum(each.acknowledged for each in listed),
        sum(each.rejected for each in listed),
        sum(each.unanswered for each in listed),
    )


def run(settings: SimulateSettings) -> int:
    """Run the simulation; return the exit status."""
    configure_logs("simulate", settings)
    try:
        answers = asyncio.run(simulate(settings))
    except (GatewayRejectsError, JournalError, OSError) as error:
        report_failure("har simulate", error)
        return NOT_REACHED
    except asyncio.CancelledError:
        report_failure("har simulate", "interrupted before all batches were answered")
        return INTERRUPTED
    if not answers.reaches_purpose:
        report_failure("har simulate", f"{settings.gateway}: {answers.describe()}")
        return NOT_REACHED
    if answers.stopped_early:
        report_failure("har simulate", f"stopped before its {settings.seconds:g} s were over: {answers.describe()}")
        return INTERRUPTED
    return REACHED
