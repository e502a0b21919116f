"""`har simulate`: streams readings of simulated wearers to the gateway in real time."""

import asyncio
import logging
import logging.config
import signal
import sys
from contextlib import ExitStack, suppress

from har.process.clock import now_us
from har.process.log_format import logging_config
from har.samples import SampleBatch
from har.time_units import MICROSECONDS
from ingest.senders.journal import Journal
from ingest.senders.phone_client import GatewayRejectsError, PhoneClient
from ingest.senders.settings import SimulateSettings
from ingest.simulation.phone import SimulatedPhone

log = logging.getLogger(__name__)


async def stream_phone(phone: SimulatedPhone, settings: SimulateSettings, stop: asyncio.Event) -> None:
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
        log.info("%s: %s, %g Hz", phone.device, phone.placement, phone.sample_rate_hz)
        period = settings.batch_readings / phone.sample_rate_hz
        async with client:
            while not stop.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(period):
                        await stop.wait()
                readings = phone.readings_until(now_us())
                await client.send(readings.time_us, readings.acceleration)
        log.info("%s: %d batches acknowledged, %d rejected", phone.device, client.accepted, client.rejected)


async def simulate(settings: SimulateSettings) -> None:
    """Stream all phones until SIGINT, SIGTERM or the time limit; a second signal stops without waiting for answers."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    streaming = asyncio.current_task()
    assert streaming is not None

    def leave() -> None:
        if stop.is_set():
            streaming.cancel()
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
    await asyncio.gather(*(stream_phone(phone, settings, stop) for phone in phones))


def run(settings: SimulateSettings) -> int:
    """Run the simulation; return the exit status."""
    logging.config.dictConfig(logging_config("simulate"))
    try:
        asyncio.run(simulate(settings))
    except GatewayRejectsError as error:
        print(f"har simulate: {error}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        return 130
    return 0
