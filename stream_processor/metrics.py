"""What the processor counts, in Prometheus's format on its `/metrics` page."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stream_processor.serving import Served

_LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)


class ProcessorMetrics:
    """The processor's metrics, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.batches = Counter("har_batches_total", "Batches read from Kafka", registry=self.registry)
        self.reread = Counter(
            "har_reread_batches_total", "Batches given twice in one generation, ignored", registry=self.registry
        )
        self.offset_gaps = Counter(
            "har_offset_gaps_total", "Jumps in a partition's offsets while it was read", registry=self.registry
        )
        self.rejected = Counter(
            "har_rejected_total", "Messages rejected, wholly or in part", ["code"], registry=self.registry
        )
        self.repeats = Counter("har_repeated_readings_total", "Readings merged as repeats", registry=self.registry)
        self.conflicts = Counter("har_conflicting_readings_total", "Repeats with other values", registry=self.registry)
        self.windows = Counter("har_windows_total", "Windows classified and published", registry=self.registry)
        self.latency = Histogram(
            "har_window_latency_seconds",
            "From the arrival of a window's last reading at the gateway to its published prediction",
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.releases = Gauge(
            "har_release", "1 for each release that classifies now", ["channel", "release"], registry=self.registry
        )
        self.release_rejected = Counter(
            "har_release_rejected_total", "Updates of the release not taken", ["reason"], registry=self.registry
        )
        self.sessions = Gauge("har_sessions", "Sessions with window state", registry=self.registry)
        self.carried = Counter(
            "har_carried_batches_total", "Batches of silent sessions written to the log anew", registry=self.registry
        )
        self.held = Gauge("har_held_events", "Events not yet acknowledged", ["partition"], registry=self.registry)
        self.live_dropped = Counter(
            "har_live_updates_dropped_total", "Live updates Redis was too slow for", registry=self.registry
        )
        self.redis_up = Gauge("har_redis_up", "1 while Redis takes updates", registry=self.registry)

    def show_releases(self, served: Served) -> None:
        """Show what classifies from now on."""
        self.releases.clear()
        for channel, network in served.networks.items():
            self.releases.labels(channel, network.manifest.release).set(1)
