"""`har archive`: copy readings and labels from Kafka, compare the archive with Kafka, and compact it."""

import logging
import logging.config
import signal
import sys
import threading

from kafka.errors import KafkaError

from har.process.kafka_reading import MissingTopicError
from har.process.log_format import logging_config
from har.process.record_codecs import MissingCodecError
from ingest.archive.archiver import Archiver, explain
from ingest.archive.compaction import compact
from ingest.archive.location import Location
from ingest.archive.log_reader import LogError
from ingest.archive.metrics import ArchiveMetrics
from ingest.archive.settings import ArchiveCompactSettings, ArchiveRunSettings, ArchiveSettings, ArchiveVerifySettings
from ingest.archive.table_kinds import KINDS
from ingest.archive.tables import STORAGE_ERRORS, ArchiveTable, ChangedElsewhereError
from ingest.archive.upkeep import remove_files
from ingest.archive.verification import TableComparison, verify

log = logging.getLogger(__name__)

FAILURE, USAGE_ERROR = 1, 2


def run(settings: ArchiveSettings) -> int:
    """Run the subcommand; return the exit status."""
    try:
        if settings.run is not None:
            return _run(settings.run)
        if settings.verify is not None:
            return _verify(settings.verify)
        if settings.compact is not None:
            return _compact(settings.compact)
    except (LogError, MissingTopicError, MissingCodecError, ChangedElsewhereError) as error:
        print(f"har archive: {error}", file=sys.stderr)
        return FAILURE
    except (*STORAGE_ERRORS, KafkaError, TimeoutError) as error:
        print(f"har archive: {explain(error)}", file=sys.stderr)
        return FAILURE
    print("har archive: a subcommand is required: run, verify or compact; see har archive --help", file=sys.stderr)
    return USAGE_ERROR


def _run(settings: ArchiveRunSettings) -> int:
    logging.config.dictConfig(logging_config("archiver"))
    log.info("%s", settings.describe())
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    metrics = ArchiveMetrics()
    with metrics.served(settings.metrics_port):
        archiver = Archiver(settings, metrics)
        log.info("archiving to %s", settings.archive)
        status = archiver.run(stop)
    log.info("stopped")
    return status


def _verify(settings: ArchiveVerifySettings) -> int:
    comparisons = verify(settings.archive, settings.kafka)
    for comparison in comparisons:
        _print_comparison(comparison)
    return 0 if all(comparison.is_right for comparison in comparisons) else FAILURE


def _print_comparison(found: TableComparison) -> None:
    noun = "label(s)" if found.table == "labels" else "batch(es)"
    print(
        f"{found.table}: of {found.messages} message(s) in Kafka that the archive covers, {found.compared} {noun} with "
        f"{found.rows} row(s) are archived exactly; {found.repeats} repeat(s), {found.kept_out} kept out, "
        f"{found.rejected} rejected; {found.behind} not archived yet"
    )
    for text in found.differences:
        print(f"WRONG  {found.table}: {text}")
    if not found.is_right:
        print(f"{found.table}: {found.missing} missing, {found.differing} differing, {found.unknown} not in Kafka")


def _compact(settings: ArchiveCompactSettings) -> int:
    location = Location(settings.archive)
    for kind in KINDS:
        with location.exclusive():
            table = ArchiveTable(location, kind, create=False)
            before = len(table.delta.file_uris())
            days = compact(table, settings.compact_files)
            removed = remove_files(table)
        after = len(table.delta.file_uris())
        print(f"{kind.name}: {days} day(s) compacted, {before} -> {after} file(s); {removed} old file(s) removed")
    return 0
