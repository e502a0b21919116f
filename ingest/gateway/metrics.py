"""The Prometheus metrics of the gateway, served on `/metrics`."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class GatewayMetrics:
    """The counters and gauges of one gateway."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.accepted = Counter("har_batches_accepted_total", "Batches confirmed by Kafka", registry=self.registry)
        self.readings = Counter("har_readings_accepted_total", "Readings confirmed by Kafka", registry=self.registry)
        self.reported = Counter(
            "har_windows_reported_total", "Windows classified on devices, confirmed by Kafka", registry=self.registry
        )
        self.rejected = Counter("har_rejected_total", "Messages rejected", ["code"], registry=self.registry)
        self.failed = Counter("har_batches_failed_total", "Messages not confirmed by Kafka", registry=self.registry)
        self.connections = Gauge("har_connections", "Phones connected", registry=self.registry)
        self.waiting = Gauge(
            "har_connections_waiting", "Phones notified that they have to wait", registry=self.registry
        )
        self.unconfirmed = Gauge("har_unconfirmed", "Batches waiting for confirmation by Kafka", registry=self.registry)
        self.not_admitted = Counter(
            "har_not_admitted_total", "Requests without valid credentials", ["reason"], registry=self.registry
        )
        self.disconnected = Counter(
            "har_cut_off_total",
            "Connections closed because the token expired or was revoked",
            ["reason"],
            registry=self.registry,
        )
        self.connections_rejected = Counter(
            "har_connections_rejected_total", "Connections rejected at the connection limit", registry=self.registry
        )
        self.labels = Counter("har_labels_accepted_total", "Labels confirmed by Kafka", registry=self.registry)
        self.pushes = Counter(
            "har_pushes_accepted_total", "Pushed documents whose readings Kafka has confirmed", registry=self.registry
        )
        self.unpaired = Counter(
            "har_unpaired_readings_total",
            "Pushed readings dropped for want of a nearby gravity reading",
            registry=self.registry,
        )
        self.redis_errors = Counter(
            "har_redis_errors_total",
            "Failed reads from Redis, by the code that it answered, or unreachable, timeout, other",
            ["kind"],
            registry=self.registry,
        )
        self.redis_up = Gauge("har_redis_up", "1 while Redis answers reads", registry=self.registry)
