"""The processor's Prometheus metrics, on its `/metrics` page."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from har.signal_quality import REASONS
from stream_processor.serving import CurrentReleases

_LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)


class ProcessorMetrics:
    """The processor's metrics, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        self.batches = counter("har_batches_total", "Batches read from Kafka")
        self.reread = counter("har_reread_batches_total", "Batches read twice in one generation and ignored")
        self.done_before = counter(
            "har_batches_done_before_total", "Batches skipped because an earlier worker did them"
        )
        self.offset_gaps = counter(
            "har_offset_gaps_total", "Messages that did not follow the one before in their partition"
        )
        self.lost = counter("har_lost_messages_total", "Messages that Kafka deleted before they were read")
        self.rejected = counter("har_rejected_total", "Messages rejected", "code")
        self.repeats = counter("har_repeated_readings_total", "Readings with the time of another reading")
        self.conflicts = counter("har_conflicting_readings_total", "Repeated readings with different values")
        self.windows = counter("har_windows_total", "Windows classified and published")
        self.unclassified = _unclassified(registry)
        self.latency = Histogram(
            "har_window_latency_seconds",
            "From the arrival of a window's last reading at the gateway to its published prediction",
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self._add_releases(counter, gauge)
        self.sessions = gauge("har_sessions", "Sessions with window state")
        self.carried = counter(
            "har_carried_batches_total", "Batches of silent sessions that were carried to the end of the log"
        )
        self._add_continued(counter, gauge)
        self.held = gauge("har_held_events", "Events not yet acknowledged", "partition")
        self.live_dropped = counter(
            "har_live_updates_dropped_total",
            "Live updates dropped because Redis was too slow, unavailable or rejected them",
        )
        self.redis_errors = counter(
            "har_redis_errors_total",
            "Failed attempts to write to Redis, by the code that it answered, or unreachable, timeout, other",
            "kind",
        )
        self.redis_up = gauge("har_redis_up", "1 while Redis accepts updates")

    def _add_releases(self, counter: Callable[..., Counter], gauge: Callable[..., Gauge]) -> None:
        """Add what shows which releases and personal heads are in use."""
        self.releases = gauge("har_release", "1 for each release in use", "channel", "release")
        self.release_rejected = counter("har_release_rejected_total", "Rejected updates of the release", "reason")
        self.personal_devices = gauge("har_personal_devices", "Devices with personal heads in use")
        self.heads_rejected = counter(
            "har_personal_heads_rejected_total", "Rejected updates of the personal heads", "reason"
        )
        self.personal_windows = counter(
            "har_personal_windows_total", "Windows whose answer a personal head has corrected"
        )

    def _add_continued(self, counter: Callable[..., Counter], gauge: Callable[..., Gauge]) -> None:
        """Add what shows how sessions are continued by another worker."""
        self.read_back = counter("har_predictions_read_back_total", "Predictions read back to continue sessions")
        self.read_back_seconds = gauge("har_read_back_seconds", "Duration of the latest read-back of one partition")
        self.references_not_found = counter(
            "har_references_not_found_total",
            "Sessions that were continued and have no recent prediction: they begin without an upright reference",
        )
        self.references_dropped = counter(
            "har_references_dropped_total", "Sessions whose upright reference was dropped as there are too many"
        )

    def note_read_back(self, predictions: int, seconds: float) -> None:
        """Count predictions that were read back, and show how long it took, s."""
        self.read_back.inc(predictions)
        self.read_back_seconds.set(seconds)

    def show_releases(self, current: CurrentReleases) -> None:
        """Set the gauge of the releases in use."""
        self.releases.clear()
        for channel, network in current.networks.items():
            self.releases.labels(channel, network.manifest.release).set(1)


def _unclassified(registry: CollectorRegistry) -> Counter:
    counter = Counter(
        "har_unclassified_windows_total",
        "Windows published as unknown because their readings tell too little",
        ["reason"],
        registry=registry,
    )
    for reason in REASONS:
        counter.labels(reason)  # an absent series cannot be told from a processor of an older version
    return counter
