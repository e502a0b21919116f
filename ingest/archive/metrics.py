"""The archiver's Prometheus metrics, on its page `/metrics` on loopback."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from har.process.addresses import require_free

HOST = "127.0.0.1"


class ArchiveMetrics:
    """Counters and gauges of one archiver."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.readings = self._counter("readings", "Readings committed")
        self.labels = self._counter("labels", "Labels committed")
        self.left_out = self._counter(
            "left_out", "Messages that were archived before, or are of forgotten devices", "topic"
        )
        self.rejected = self._counter("rejected", "Messages that could not be decoded", "code")
        self.lost = self._counter("lost_messages", "Messages that Kafka deleted before they were archived")
        self.commits = self._counter("commits", "Commits of messages from Kafka", "table")
        self.failures = self._counter("failures", "Attempts to commit that failed")
        self.lag = Gauge(
            "har_archive_lag_messages",
            "Messages in Kafka that are not archived yet",
            ["topic", "partition"],
            registry=self.registry,
        )
        self.held = Gauge("har_archive_held_readings", "Readings that are not committed yet", registry=self.registry)
        self.failing = Gauge("har_archive_failing", "1 while commits fail", registry=self.registry)
        since = Gauge(
            "har_archive_seconds_since_commit",
            "Seconds since everything that was read was last committed",
            registry=self.registry,
        )
        self._committed_at = time.monotonic()
        since.set_function(lambda: time.monotonic() - self._committed_at)

    def record_commit(self) -> None:
        """Record that everything that was read is committed."""
        self._committed_at = time.monotonic()

    @contextmanager
    def served(self, port: int) -> Iterator[None]:
        """Serve the page while the context is open; with port 0, serve none.

        Raises
        ------
        OSError
            If the port is in use.
        """
        if not port:
            yield
            return
        require_free(HOST, port, "--metrics-port")
        server, thread = start_http_server(port, HOST, self.registry)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"har_archive_{name}_total", text, labels, registry=self.registry)
