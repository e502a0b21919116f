"""`har gateway`: run the gateway as a process until it is stopped."""

import asyncio
import gc
import logging
import resource
import signal

import redis.asyncio

from har import topics
from har.process.background import BackgroundError, BackgroundTasks
from har.process.ending import NOT_REACHED, REACHED, report_failure
from har.process.log_format import configure_logs
from har.process.reachability import fault_of_redis
from har.process.start_line import log_start
from ingest.devices.errors import RegistryError
from ingest.gateway.publisher import KafkaPublisher, PublishError
from ingest.gateway.server import SAMPLES_PATH, Gateway
from ingest.gateway.settings import GatewaySettings

log = logging.getLogger(__name__)


async def serve_until_stopped(settings: GatewaySettings) -> None:
    """Serve until SIGINT or SIGTERM arrives.

    Raises
    ------
    PublishError
        If Kafka cannot be reached at the start.
    OSError
        If the address cannot be bound or a certificate cannot be read.
    RegistryError
        If the device registry cannot be read.
    BackgroundError
        If a part of the gateway fails unexpectedly.
    """
    async with publisher_for(settings) as publisher:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        background = BackgroundTasks(on_failure=stop.set)
        async with Gateway(settings, publisher, background) as gateway:
            await _log_start(settings, gateway)
            await stop.wait()
        if background.failure is not None:
            raise background.failure


async def _log_start(settings: GatewaySettings, gateway: Gateway) -> None:
    _, port = gateway.address
    origin = settings.origin(port)
    connections: dict[str, tuple[str, str | None]] = {"Kafka": (settings.bootstrap, None)}
    if settings.redis_url is not None:
        connections["Redis"] = (settings.redis_url, await fault_of_redis(redis.asyncio, settings.redis_url))
    log_start(
        log,
        settings,
        listens={"phones": f"ws{origin.removeprefix('http')}{SAMPLES_PATH}", "phone page": f"{origin}/phone/"},
        connections=connections,
    )


def publisher_for(settings: GatewaySettings) -> KafkaPublisher:
    """Return a publisher for the topics that a gateway writes to."""
    return KafkaPublisher(
        settings.kafka,
        (topics.SAMPLES.name, topics.PREDICTIONS.name, topics.REJECTED.name, topics.LABELS.name),
        delivery_timeout_seconds=settings.delivery_timeout_seconds,
    )


def run(settings: GatewaySettings) -> int:
    """Run the gateway until it is stopped; return the exit status."""
    configure_logs("gateway", settings)
    _raise_descriptor_limit()
    _reduce_collections()
    try:
        asyncio.run(serve_until_stopped(settings))
    except (PublishError, RegistryError, BackgroundError, OSError, ValueError) as error:
        report_failure("har gateway", error)
        return NOT_REACHED
    log.info("stopped")
    return REACHED


def _reduce_collections() -> None:
    """Collect cyclic garbage less often.

    Thousands of connections are many long-lived objects. With the default thresholds, full collections, which visit all
    of them, take a fifth of the time under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _raise_descriptor_limit() -> None:
    """Raise the limit of open files to the hard limit; the usual soft limit of a shell is 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
