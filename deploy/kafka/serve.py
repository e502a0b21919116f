"""`har kafka`: run Apache Kafka on this machine with the project's topics."""

import signal
import sys

from kafka.errors import KafkaError

from deploy.embedded import MissingServerError
from deploy.kafka.cluster import KafkaCluster
from deploy.processes import ProcessEndedError
from deploy.settings import KafkaServerSettings
from deploy.topics import create_topics


def run(settings: KafkaServerSettings) -> int:
    """Run Kafka until Ctrl-C; return the exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        _serve(settings)
    except KeyboardInterrupt:
        return 0
    except (MissingServerError, ProcessEndedError, KafkaError, TimeoutError, OSError) as error:
        print(f"har kafka: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(settings: KafkaServerSettings) -> None:
    # The data of a cluster fit its number of brokers only, so each number has its own folder.
    folder = settings.folder / ("1-broker" if settings.brokers == 1 else f"{settings.brokers}-brokers")
    cluster = KafkaCluster(folder, settings.brokers, first_port=settings.port, announce=_print)
    _print("Starting Apache Kafka …")
    with cluster:
        create_topics(cluster.kafka, partitions=settings.partitions, replication=cluster.replication)
        _print(
            f"\n  Apache Kafka runs until Ctrl-C; its data and log files are in {folder}.\n"
            f"  har gateway   --bootstrap {cluster.bootstrap}\n"
            f"  har processor --bootstrap {cluster.bootstrap}\n"
            f"  har demo      --bootstrap {cluster.bootstrap}\n"
        )
        try:
            cluster.wait_for_any_end()
        finally:
            print("stopping …", file=sys.stderr)


def _print(text: str) -> None:
    print(text, flush=True)
