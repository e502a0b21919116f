"""The processor's Prometheus metrics, on its `/metrics` page."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from har.signal_quality import REASONS
from stream_processor.serving import CurrentReleases

_LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)


class ProcessorMetrics:
    """The processor's metrics, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.batches = Counter("har_batches_total", "Batches read from Kafka", registry=self.registry)
        self.reread = Counter(
            "har_reread_batches_total", "Batches read twice in one generation and ignored", registry=self.registry
        )
        self.offset_gaps = Counter(
            "har_offset_gaps_total", "Messages before which a partition's offsets have a gap", registry=self.registry
        )
        self.lost = Counter(
            "har_lost_messages_total", "Messages that Kafka deleted before they were read", registry=self.registry
        )
        self.rejected = Counter("har_rejected_total", "Messages rejected", ["code"], registry=self.registry)
        self.repeats = Counter(
            "har_repeated_readings_total", "Readings with the time of another reading", registry=self.registry
        )
        self.conflicts = Counter(
            "har_conflicting_readings_total", "Repeated readings with different values", registry=self.registry
        )
        self.windows = Counter("har_windows_total", "Windows classified and published", registry=self.registry)
        self.unclassified = _unclassified(self.registry)
        self.latency = Histogram(
            "har_window_latency_seconds",
            "From the arrival of a window's last reading at the gateway to its published prediction",
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.releases = Gauge(
            "har_release", "1 for each release in use", ["channel", "release"], registry=self.registry
        )
        self.release_rejected = Counter(
            "har_release_rejected_total", "Rejected updates of the release", ["reason"], registry=self.registry
        )
        self.sessions = Gauge("har_sessions", "Sessions with window state", registry=self.registry)
        self.carried = Counter(
            "har_carried_batches_total",
            "Batches of silent sessions that were carried to the end of the log",
            registry=self.registry,
        )
        self.held = Gauge("har_held_events", "Events not yet acknowledged", ["partition"], registry=self.registry)
        self.live_dropped = Counter(
            "har_live_updates_dropped_total",
            "Live updates dropped because Redis was too slow, unavailable or rejected them",
            registry=self.registry,
        )
        self.redis_errors = Counter(
            "har_redis_errors_total",
            "Failed attempts to write to Redis, by the code that it answered, or unreachable, timeout, other",
            ["kind"],
            registry=self.registry,
        )
        self.redis_up = Gauge("har_redis_up", "1 while Redis accepts updates", registry=self.registry)

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
