"""What the gateway counts, on its `/metrics` page."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class GatewayMetrics:
    """Counters and gauges of one gateway."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.accepted = Counter("har_batches_accepted_total", "Batches Kafka has", registry=self.registry)
        self.readings = Counter("har_readings_accepted_total", "Readings Kafka has", registry=self.registry)
        self.reported = Counter(
            "har_windows_reported_total", "Windows classified on devices, in Kafka", registry=self.registry
        )
        self.rejected = Counter("har_rejected_total", "Messages rejected", ["code"], registry=self.registry)
        self.failed = Counter("har_batches_failed_total", "Batches Kafka did not take", registry=self.registry)
        self.connections = Gauge("har_connections", "Phones connected", registry=self.registry)
        self.waiting = Gauge("har_connections_waiting", "Phones told to wait for Kafka", registry=self.registry)
        self.unconfirmed = Gauge("har_unconfirmed", "Batches waiting for Kafka", registry=self.registry)
        self.not_admitted = Counter(
            "har_not_admitted_total", "Requests turned away", ["reason"], registry=self.registry
        )
        self.cut_off = Counter(
            "har_cut_off_total", "Connections ended because of a token", ["reason"], registry=self.registry
        )
        self.turned_away = Counter(
            "har_connections_turned_away_total", "Connections for which there was no room", registry=self.registry
        )
        self.labels = Counter("har_labels_accepted_total", "Labels of wearers, in Kafka", registry=self.registry)
        self.pushes = Counter(
            "har_pushes_accepted_total", "Pushed documents whose readings Kafka has", registry=self.registry
        )
        self.unpaired = Counter(
            "har_unpaired_readings_total", "Pushed readings left out: no gravity beside them", registry=self.registry
        )
