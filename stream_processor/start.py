"""The line that a worker logs at its start, and those of later assignments of partitions."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import faust
import redis.asyncio

from har.process.addresses import host_and_port
from har.process.kafka_clients import Partition
from har.process.reachability import NO_ANSWER, fault_of_redis
from har.process.start_line import log_start
from stream_processor.serving import ReleaseTimeline
from stream_processor.settings import ProcessorSettings

if TYPE_CHECKING:  # a store's client is not always needed
    from stream_processor.release_loading import ReleaseLoader

log = logging.getLogger(__name__)


def log_starts(
    app: faust.App,
    settings: ProcessorSettings,
    timeline: ReleaseTimeline,
    loader: "ReleaseLoader | None",
    nothing_to_read: Callable[[], str | None],
) -> None:
    """Log the start on one line once the worker has joined, and each later assignment on a line of its own."""
    is_started = False

    @app.task
    async def start_line() -> None:
        nonlocal is_started
        fault = await fault_of_redis(redis.asyncio, settings.redis_url)
        connections = {"Kafka": (settings.bootstrap, None), "Redis": (settings.redis_url, fault)}
        if loader is not None:
            connections["the store"] = (str(settings.store_url), None if loader.has_pulled else NO_ANSWER)
        log_start(
            log,
            settings,
            listens={
                "pages /metrics, /live and /ready": f"http://{host_and_port(settings.web_host, settings.web_port)}"
            },
            connections=connections,
            uses={"release": timeline.now.describe(), "partitions": _described(app.consumer.assignment())},
        )
        is_started = True

    @app.on_partitions_assigned.connect
    async def on_assigned(_: faust.App, assigned: set[Any], **__: object) -> None:
        if not assigned:
            log.warning("reading nothing: %s", nothing_to_read() or "other workers of the group have all partitions")
        elif is_started:
            log.info("reading partitions %s", _described(assigned))


def _described(partitions: set[Any]) -> str:
    return ", ".join(sorted(str(Partition(*tp)) for tp in partitions)) or "none"
