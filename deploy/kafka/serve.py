"""`har kafka`: run Apache Kafka on this machine with the project's topics."""

import logging
import signal

from kafka.errors import KafkaError

from deploy.embedded import MissingServerError
from deploy.kafka.cluster import KafkaCluster
from deploy.processes import ProcessEndedError
from deploy.settings import KafkaServerSettings
from deploy.topics import create_topics
from har.process.ending import NOT_REACHED, REACHED, report_failure
from har.process.log_format import configure_logs
from har.process.start_line import log_start

log = logging.getLogger(__name__)


def run(settings: KafkaServerSettings) -> int:
    """Run Kafka until Ctrl-C; return the exit status."""
    configure_logs("kafka", settings)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        _serve(settings)
    except KeyboardInterrupt:
        return REACHED
    except (MissingServerError, ProcessEndedError, KafkaError, TimeoutError, OSError) as error:
        report_failure("har kafka", error)
        return NOT_REACHED
    return REACHED


def _serve(settings: KafkaServerSettings) -> None:
    # The data of a cluster fit its number of brokers only, so each number has its own folder.
    folder = settings.folder / ("1-broker" if settings.brokers == 1 else f"{settings.brokers}-brokers")
    cluster = KafkaCluster(folder, settings.brokers, first_port=settings.port, announce=log.info)
    log.info("starting Apache Kafka …")
    with cluster:
        create_topics(cluster.kafka, partitions=settings.partitions, replication=cluster.replication)
        print(
            f"\n  Apache Kafka runs until Ctrl-C; its data and log files are in {folder}.\n"
            f"  har gateway   --bootstrap {cluster.bootstrap}\n"
            f"  har processor --bootstrap {cluster.bootstrap}\n"
            f"  har demo      --bootstrap {cluster.bootstrap}\n",
            flush=True,
        )
        log_start(log, settings, listens={"Kafka": cluster.bootstrap}, uses={"data": str(folder)})
        try:
            cluster.wait_for_any_end()
        finally:
            log.info("stopping")
