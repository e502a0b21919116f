"""The Faust worker: wires Kafka's topics, consumer and producer to `stream_processor.pipeline`."""

import asyncio
import logging
import logging.config
import sys
from collections.abc import Awaitable
from typing import Any

import faust
from faust.web import Request, Response, View
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from har import topics
from har.log_format import logging_config
from har.releases import ReleaseError
from har.settings import ProcessorSettings
from har.windows import MICROSECONDS
from model_store.onnx_classifier import OnnxClassifier
from stream_processor.classification import Classifier
from stream_processor.live_state import LiveState
from stream_processor.measures import ProcessorMeasures
from stream_processor.pipeline import LogMessage, StreamPipeline
from stream_processor.transport import use_fetch_wait

log = logging.getLogger(__name__)

FAILURE = 1


def create_app(settings: ProcessorSettings, network: OnnxClassifier) -> faust.App:
    """Build the Faust app that serves one release."""
    app = faust.App(
        settings.group,
        broker=[f"kafka://{server}" for server in settings.bootstrap.split(",")],
        store="memory://",
        datadir=settings.data_folder,
        web_bind=settings.web_host,
        web_host=settings.web_host,
        web_port=settings.web_port,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=settings.heartbeat_seconds,
        broker_commit_interval=1.0,
        producer_acks=-1,
        producer_linger=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        # Events are held until their windows are out; whoever gets the partition next reads them again.
        stream_wait_empty=False,
        worker_redirect_stdouts=False,
        logging_config=logging_config("processor"),
    )
    use_fetch_wait(app, settings.fetch_wait_ms)
    measures = ProcessorMeasures()

    async def publish(
        topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]] | None = None
    ) -> Awaitable[object]:
        producer = await app.maybe_start_producer()
        sent: Awaitable[object] = await producer.send(topic, key, value, None, None, headers)
        return sent

    live = LiveState(str(settings.redis_url), latest_seconds=settings.latest_seconds, measures=measures)
    _attach(app, StreamPipeline(settings, Classifier(network, most=settings.classify_batch), publish, live, measures))
    _add_pages(app, measures)
    return app


def _attach(app: faust.App, pipeline: StreamPipeline) -> None:
    samples = app.topic(topics.SAMPLES.name, key_serializer="raw", value_serializer="raw", internal=False)

    # Faust knows what to ack by event, and several streams over one partition would ack out of order.
    @app.agent(samples, concurrency=1, name="classify")
    async def classify(stream: faust.Stream) -> None:
        async for event in stream.noack().events():
            message = event.message
            await pipeline.take(
                LogMessage(
                    f"{message.topic}/{message.partition}",
                    message.generation_id,
                    message.offset,
                    message.key,
                    message.value,
                    round(message.timestamp * MICROSECONDS),
                ),
                event,
            )

    async def crash(error: BaseException) -> None:
        await app.crash(error)

    @app.task
    async def run_pipeline() -> None:
        await pipeline.run(crash)

    @app.on_partitions_revoked.connect
    async def on_revoked(_: faust.App, revoked: set[Any], **__: object) -> None:
        pipeline.forget_partitions({f"{tp.topic}/{tp.partition}" for tp in revoked})

    @app.on_partitions_assigned.connect
    async def on_assigned(_: faust.App, assigned: set[Any], **__: object) -> None:
        log.info("reads %s", sorted(f"{tp.topic}/{tp.partition}" for tp in assigned))


def _add_pages(app: faust.App, measures: ProcessorMeasures) -> None:
    @app.page("/metrics")
    async def metrics(view: View, _: Request) -> Response:
        return view.bytes(generate_latest(measures.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @app.page("/ready")
    async def ready(view: View, _: Request) -> Response:
        is_ready = app.consumer is not None and bool(app.consumer.assignment())
        return view.text("ready\n" if is_ready else "no partition yet\n", status=200 if is_ready else 503)


def run(settings: ProcessorSettings) -> int:
    """Run a worker until it is stopped; return the exit status."""
    try:
        network = OnnxClassifier.open(settings.release, threads=settings.inference_threads)
    except ReleaseError as error:
        print(f"har processor: {error}", file=sys.stderr)
        return FAILURE
    logging.config.dictConfig(logging_config("processor"))
    log.info("%s", settings.describe())
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    app = create_app(settings, network)
    worker = faust.Worker(app, loglevel="INFO", loop=asyncio.new_event_loop())
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else FAILURE
    return FAILURE
