"""The Faust worker: connects Kafka's topics, consumer and producer to `stream_processor.pipeline`."""

import asyncio
import logging
import signal
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import faust
from aiokafka.errors import KafkaError
from faust.types import TP

from har import topics
from har.process import interrupts
from har.process.addresses import require_free
from har.process.ending import NOT_REACHED, REACHED, report_failure
from har.process.kafka_clients import METADATA_AGE_MS, Partition
from har.process.log_format import configure_logs, logging_config
from har.process.record_codecs import MissingCodecError, require_codecs
from har.release_documents import ReleaseError
from har.time_units import MICROSECONDS
from stream_processor.classification import Classifier
from stream_processor.earlier_predictions import EarlierPredictions
from stream_processor.first_releases import first_releases
from stream_processor.health import Health, Watchdog
from stream_processor.judging import Judging
from stream_processor.kafka_credentials import faust_credentials
from stream_processor.kafka_entry import require_access
from stream_processor.kafka_messages import LogMessage, OutgoingMessage
from stream_processor.live_state import LiveStateWriter
from stream_processor.log_view import LogView
from stream_processor.metrics import ProcessorMetrics
from stream_processor.pages import add_pages
from stream_processor.pipeline import StreamPipeline
from stream_processor.predictions_log import KafkaPredictions
from stream_processor.reading_start import ReadingStart
from stream_processor.serving import ReleaseTimeline
from stream_processor.settings import ProcessorSettings
from stream_processor.start import log_starts
from stream_processor.transport import use_transport

if TYPE_CHECKING:  # a store's client takes a fifth of the start-up time, and is not always needed
    from stream_processor.release_loading import ReleaseLoader

log = logging.getLogger(__name__)

#: A worker that has not joined its consumer group after this time, s, is ended by force so that it is restarted.
START_SECONDS = 120.0
#: Interval at which a worker notes what is done beyond the committed offsets, s.
NOTE_SECONDS = 2.0


def create_app(
    settings: ProcessorSettings, timeline: ReleaseTimeline, loader: "ReleaseLoader | None", watchdog: Watchdog
) -> faust.App:
    """Build the Faust app. It uses the releases of the timeline and follows the store if there is a loader."""
    metrics = ProcessorMetrics()
    app = _faust_app(settings, metrics)

    async def publish(message: OutgoingMessage) -> Awaitable[object]:
        producer = await app.maybe_start_producer()
        seconds = None if message.timestamp is None else message.timestamp / MICROSECONDS
        sent: Awaitable[object] = await producer.send(
            message.topic, message.key, message.value, message.partition, seconds, message.headers
        )
        return sent

    live = LiveStateWriter(settings.redis_url, latest_seconds=settings.latest_seconds, metrics=metrics)
    classifier = Classifier(timeline, max_batch=settings.classify_batch)
    earlier = EarlierPredictions(KafkaPredictions(settings.kafka), on_read=metrics.note_read_back)
    judging = Judging(earlier, metrics)
    pipeline = StreamPipeline(settings, classifier, publish, live, metrics, _reading_start(app), judging)
    view = LogView(app)
    health = Health(
        settings.stall_seconds,
        lambda: view.join(pipeline.progress()),
        # Faust runs tasks only once the worker has joined for the first time.
        lambda: not app.rebalancing,
        lambda: view.answers,
        watchdog,
        redis=live.report,
        nothing_to_read=view.nothing_to_read,
        reading_back=lambda: earlier.reading,
    )
    _attach(app, pipeline, view, health)
    log_starts(app, settings, timeline, loader, view.nothing_to_read)
    if loader is not None:
        _follow(app, settings, loader, timeline, metrics, live)
    else:
        metrics.show_releases(timeline.now)
    add_pages(app, metrics, health)
    return app


def _reading_start(app: faust.App) -> ReadingStart:
    async def read_anew() -> None:
        await app.consumer.read_anew()  # the app makes its consumer when it starts

    return ReadingStart(lambda name: app.consumer.start_of(TP(*name)), read_anew)


def _faust_app(settings: ProcessorSettings, metrics: ProcessorMetrics) -> faust.App:
    """Return a Faust app without agents, tasks and pages."""
    app = faust.App(
        settings.group,
        broker=[f"kafka://{server}" for server in settings.kafka.servers],
        broker_credentials=faust_credentials(settings.kafka),
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
        consumer_metadata_max_age_ms=METADATA_AGE_MS,
        producer_metadata_max_age_ms=METADATA_AGE_MS,
        topic_allow_declare=False,
        topic_disable_leader=True,
        # Events are held until their windows are published; the partition's next worker reads them again.
        stream_wait_empty=False,
        worker_redirect_stdouts=False,
        logging_config=logging_config("processor", settings.log_level, settings.log_format),
    )
    use_transport(app, fetch_wait_ms=settings.fetch_wait_ms, on_lost=metrics.lost.inc)
    return app


class _Worker(faust.Worker):
    def __init__(self, app: faust.App, settings: ProcessorSettings, watchdog: Watchdog) -> None:
        # Quiet: Faust would print the name of a signal on standard error.
        super().__init__(app, loglevel=settings.log_level, loop=asyncio.new_event_loop(), quiet=True)
        self.spinner = None
        self._watchdog = watchdog

    def _schedule_shutdown(self, number: signal.Signals) -> None:
        # A worker that is asked to end while it joins its group may hang there.
        self._watchdog.begin_exit()
        # aiokafka reports requests that are on their way when their connection closes. That is no error in this case.
        logging.getLogger("aiokafka.consumer.group_coordinator").setLevel(logging.CRITICAL)
        super()._schedule_shutdown(number)

    def _crash(self, reason: BaseException) -> None:
        # The stop waits until Kafka confirms what was sent. It never does so for a topic that the worker may not write.
        self._watchdog.begin_exit()
        super()._crash(reason)


def _attach(app: faust.App, pipeline: StreamPipeline, view: LogView, health: Health) -> None:
    samples = app.topic(topics.SAMPLES.name, key_serializer="raw", value_serializer="raw", internal=False)

    # Faust acknowledges by event; several streams over one partition would acknowledge out of order.
    @app.agent(samples, concurrency=1, name="classify")
    async def classify(stream: faust.Stream) -> None:
        async for event in stream.noack().events():
            try:
                await pipeline.take(_log_message(event), event)
            except Exception as error:
                # Faust would continue with the next message, and this one's readings would be missing.
                await app.crash(error)
                raise

    async def crash(error: BaseException) -> None:
        await app.crash(error)

    @app.task
    async def run_pipeline() -> None:
        await pipeline.run(crash)

    @app.task
    async def note_done() -> None:
        while True:
            await asyncio.sleep(NOTE_SECONDS)
            generation = app.consumer_generation_id
            done = {TP(*name): ahead for name, ahead in pipeline.done_ahead(generation).items()}
            try:
                await app.consumer.note_done(done, generation)
            except KafkaError as error:
                log.info("Kafka does not accept what is done beyond the committed offsets: %r", error)

    @app.task
    async def watch_log() -> None:
        await view.watch()

    @app.task
    async def watch_health() -> None:
        await health.watch(crash)

    @app.on_partitions_revoked.connect
    async def on_revoked(_: faust.App, revoked: set[Any], **__: object) -> None:
        pipeline.forget_partitions({Partition(tp.topic, tp.partition) for tp in revoked})


def _follow(
    app: faust.App,
    settings: ProcessorSettings,
    loader: "ReleaseLoader",
    timeline: ReleaseTimeline,
    metrics: ProcessorMetrics,
    live: LiveStateWriter,
) -> None:
    from stream_processor.release_following import ReleaseUpdater, announcements  # noqa: PLC0415  (only with a store)

    @app.task
    async def follow_releases() -> None:
        follower = ReleaseUpdater(
            loader,
            timeline,
            announcements(settings.kafka, fetch_wait_ms=settings.fetch_wait_ms),
            interval_seconds=settings.store_interval_seconds,
            metrics=metrics,
            on_rejected=live.announce_rejection,
        )
        try:
            await follower.run()
        except Exception as error:
            # A bug in this code: restart rather than run without release updates.
            await app.crash(error)
            raise


def _log_message(event: faust.Event) -> LogMessage:
    message = event.message
    return LogMessage(
        Partition(message.topic, message.partition),
        message.generation_id,
        message.offset,
        message.key,
        message.value,
        round(message.timestamp * MICROSECONDS),
        tuple(message.headers or ()),
    )


def run(settings: ProcessorSettings) -> int:
    """Run a worker until it is stopped; return the exit status."""
    with interrupts.ending_at_once():  # until Faust has its own handler
        return _run(settings)


def _run(settings: ProcessorSettings) -> int:
    configure_logs("processor", settings)
    try:
        require_codecs()
        timeline, loader = first_releases(settings)
        require_access(settings)
        require_free(settings.web_host, settings.web_port, "--web-port")
    except (ReleaseError, MissingCodecError, OSError) as error:
        report_failure("har processor", error)
        return NOT_REACHED
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    watchdog = Watchdog()
    watchdog.reset(START_SECONDS)  # until the health watch takes over
    worker = _Worker(create_app(settings, timeline, loader, watchdog), settings, watchdog)
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        if ended.code not in (None, REACHED):
            return NOT_REACHED
    log.info("stopped")
    return REACHED
