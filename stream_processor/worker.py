"""The Faust worker: wires Kafka's topics, consumer and producer to `stream_processor.pipeline`."""

import asyncio
import logging
import logging.config
import signal
import sys
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import faust
import msgspec
from faust.web import Request, Response, View
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from har import topics
from har.channels import STABLE
from har.process import interrupts
from har.process.log_format import logging_config
from har.releases import ReleaseError
from har.windows import MICROSECONDS
from model_store.client.errors import UpdateRejectedError
from model_store.onnx_classifier import OnnxClassifier
from stream_processor.classification import Classifier
from stream_processor.health import Health, LastResort
from stream_processor.kafka_messages import LogMessage, OutgoingMessage, PartitionName
from stream_processor.live_state import LiveStateWriter
from stream_processor.log_view import LogView
from stream_processor.metrics import ProcessorMetrics
from stream_processor.pipeline import StreamPipeline
from stream_processor.serving import CurrentReleases, Served
from stream_processor.settings import ProcessorSettings
from stream_processor.transport import use_transport

if TYPE_CHECKING:  # a store's client takes a fifth of the start, and many a processor follows no store
    from stream_processor.release_loading import ReleaseLoader

log = logging.getLogger(__name__)

FAILURE = 1
JSON = "application/json"
#: A worker that has not joined its group by then ends, to be started again.
START_SECONDS = 120.0


def create_app(
    settings: ProcessorSettings, first: Served, loader: "ReleaseLoader | None", last_resort: LastResort
) -> faust.App:
    """Build the Faust app that serves the first releases, and what the store says later if there is a loader."""
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
    use_transport(app, fetch_wait_ms=settings.fetch_wait_ms)
    measures = ProcessorMetrics()

    async def publish(message: OutgoingMessage) -> Awaitable[object]:
        producer = await app.maybe_start_producer()
        seconds = None if message.timestamp is None else message.timestamp / MICROSECONDS
        sent: Awaitable[object] = await producer.send(
            message.topic, message.key, message.value, message.partition, seconds, message.headers
        )
        return sent

    live = LiveStateWriter(str(settings.redis_url), latest_seconds=settings.latest_seconds, measures=measures)
    served = CurrentReleases(first)
    classifier = Classifier(served, most=settings.classify_batch)
    pipeline = StreamPipeline(settings, classifier, publish, live, measures)
    view = LogView(app)
    health = Health(
        settings.stall_seconds,
        lambda: view.join(pipeline.progress()),
        # Faust runs tasks only once the worker has joined for the first time.
        lambda: not app.rebalancing,
        lambda: view.answers,
        last_resort,
    )
    _attach(app, pipeline, view, health)
    if loader is not None:
        _follow(app, settings, loader, served, measures, live)
    else:
        measures.show_releases(first)
    _add_pages(app, measures, health)
    return app


class _Worker(faust.Worker):
    def __init__(self, app: faust.App, last_resort: LastResort) -> None:
        super().__init__(app, loglevel="INFO", loop=asyncio.new_event_loop())
        self.spinner = None
        self._last_resort = last_resort

    def _schedule_shutdown(self, number: signal.Signals) -> None:
        # A worker that is told to end while it is joining its group may never get to the end of that.
        self._last_resort.leave()
        super()._schedule_shutdown(number)


def _attach(app: faust.App, pipeline: StreamPipeline, view: LogView, health: Health) -> None:
    samples = app.topic(topics.SAMPLES.name, key_serializer="raw", value_serializer="raw", internal=False)

    # Faust knows what to ack by event, and several streams over one partition would ack out of order.
    @app.agent(samples, concurrency=1, name="classify")
    async def classify(stream: faust.Stream) -> None:
        async for event in stream.noack().events():
            try:
                await pipeline.take(_log_message(event), event)
            except Exception as error:
                # Faust would go on with the next message, and this one's readings would be missing.
                await app.crash(error)
                raise

    async def crash(error: BaseException) -> None:
        await app.crash(error)

    @app.task
    async def run_pipeline() -> None:
        await pipeline.run(crash)

    @app.task
    async def watch_log() -> None:
        await view.watch()

    @app.task
    async def watch_health() -> None:
        await health.watch(crash)

    @app.on_partitions_revoked.connect
    async def on_revoked(_: faust.App, revoked: set[Any], **__: object) -> None:
        pipeline.forget_partitions({PartitionName(tp.topic, tp.partition) for tp in revoked})

    @app.on_partitions_assigned.connect
    async def on_assigned(_: faust.App, assigned: set[Any], **__: object) -> None:
        log.info("reads %s", sorted(f"{tp.topic}/{tp.partition}" for tp in assigned))


def _follow(
    app: faust.App,
    settings: ProcessorSettings,
    loader: "ReleaseLoader",
    served: CurrentReleases,
    measures: ProcessorMetrics,
    live: LiveStateWriter,
) -> None:
    from stream_processor.release_following import ReleaseUpdater, announcements  # noqa: PLC0415  (only with a store)

    @app.task
    async def follow_releases() -> None:
        follower = ReleaseUpdater(
            loader,
            served,
            announcements(settings.bootstrap, fetch_wait_ms=settings.fetch_wait_ms),
            interval_seconds=settings.store_interval_seconds,
            measures=measures,
            tell_rejected=live.tell_rejected,
        )
        try:
            await follower.run()
        except Exception as error:
            # A fault of ours: better another worker than one that never hears of a release again.
            await app.crash(error)
            raise


def _log_message(event: faust.Event) -> LogMessage:
    message = event.message
    return LogMessage(
        PartitionName(message.topic, message.partition),
        message.generation_id,
        message.offset,
        message.key,
        message.value,
        round(message.timestamp * MICROSECONDS),
        tuple(message.headers or ()),
    )


def _add_pages(app: faust.App, measures: ProcessorMetrics, health: Health) -> None:
    @app.page("/metrics")
    async def metrics(view: View, _: Request) -> Response:
        return view.bytes(generate_latest(measures.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @app.page("/live")
    async def live(view: View, _: Request) -> Response:
        report = health.report()
        return view.bytes(msgspec.json.encode(report), content_type=JSON, status=200 if report.alive else 503)

    @app.page("/ready")
    async def ready(view: View, _: Request) -> Response:
        report = health.report()
        return view.bytes(msgspec.json.encode(report), content_type=JSON, status=200 if report.ready else 503)


def run(settings: ProcessorSettings) -> int:
    """Run a worker until it is stopped; return the exit status."""
    with interrupts.ending_at_once():  # until Faust has its own handler
        return _run(settings)


def _run(settings: ProcessorSettings) -> int:
    logging.config.dictConfig(logging_config("processor"))
    log.info("%s", settings.describe())
    try:
        first, loader = _releases(settings)
    except (ReleaseError, OSError) as error:
        print(f"har processor: {error}", file=sys.stderr)
        return FAILURE
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    last_resort = LastResort()
    last_resort.put_off(START_SECONDS)  # until the health watch takes over
    worker = _Worker(create_app(settings, first, loader, last_resort), last_resort)
    try:
        worker.execute_from_commandline()
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else FAILURE
    return FAILURE


def _releases(settings: ProcessorSettings) -> "tuple[Served, ReleaseLoader | None]":
    """Return what classifies at first: what the store says, else what was good last, else the release of the settings.

    Raises
    ------
    ReleaseError
        If the release of the settings, or the store's root, cannot be used.
    OSError
        If what the store says cannot be kept.
    """
    baseline = OnnxClassifier.open(settings.release, threads=settings.inference_threads)
    first = Served({STABLE: baseline})
    if settings.store_url is None:
        return first, None
    from stream_processor.release_loading import ReleaseLoader, release_client  # noqa: PLC0415  (only with a store)

    loader = ReleaseLoader(release_client(settings), baseline, threads=settings.inference_threads)
    try:
        first = loader.last_good()
        first = loader.pull({}, effective=0)
    except UpdateRejectedError as rejected:
        log.warning("%s", rejected)
    log.info("classifies at first: %s", first.describe())
    return first, loader
