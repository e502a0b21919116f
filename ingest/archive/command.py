"""`har archive`: copy readings and labels from Kafka, compare the archive with Kafka, and compact it."""

import logging
import signal
import threading

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from har import rights
from har.process.ending import NOT_REACHED, NOT_TRIED, REACHED, report_failure
from har.process.kafka_access import require_rights
from har.process.kafka_reading import MissingTopicError
from har.process.log_format import configure_logs
from har.process.record_codecs import MissingCodecError, require_codecs
from har.process.start_line import log_start
from ingest.archive.archiver import Archiver, explain
from ingest.archive.compaction import compact
from ingest.archive.location import Location
from ingest.archive.log_reader import LogError
from ingest.archive.metrics import HOST, ArchiveMetrics
from ingest.archive.settings import ArchiveCompactSettings, ArchiveRunSettings, ArchiveSettings, ArchiveVerifySettings
from ingest.archive.table_kinds import KINDS
from ingest.archive.tables import STORAGE_ERRORS, ArchiveTable, ChangedElsewhereError
from ingest.archive.upkeep import remove_files
from ingest.archive.verification import TableComparison, verify

log = logging.getLogger(__name__)


def run(settings: ArchiveSettings) -> int:
    """Run the subcommand; return the exit status."""
    try:
        if settings.run is not None:
            return _run(settings.run)
        if settings.verify is not None:
            return _verify(settings.verify)
        assert settings.compact is not None
        return _compact(settings.compact)
    except (LogError, MissingTopicError, MissingCodecError, ChangedElsewhereError) as error:
        report_failure("har archive", error)
    except (*STORAGE_ERRORS, KafkaError, TimeoutError) as error:
        report_failure("har archive", explain(error))
    # Of a comparison, 1 means that something differs.
    return NOT_REACHED if settings.verify is None else NOT_TRIED


def _run(settings: ArchiveRunSettings) -> int:
    configure_logs("archiver", settings)
    require_codecs()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    metrics = ArchiveMetrics()
    require_rights(KafkaAdminClient, settings.kafka, rights.ARCHIVER)
    with metrics.served(settings.metrics_port):
        archiver = Archiver(settings, metrics)
        log_start(
            log,
            settings,
            listens={"metrics": f"http://{HOST}:{settings.metrics_port}/metrics"} if settings.metrics_port else {},
            connections={"Kafka": (settings.bootstrap, None)},
            uses={"archive": settings.archive},
        )
        status = archiver.run(stop)
    log.info("stopped")
    return status


def _verify(settings: ArchiveVerifySettings) -> int:
    configure_logs("archiver", settings)
    require_codecs()
    require_rights(KafkaAdminClient, settings.kafka, rights.ARCHIVE_VERIFICATION)
    comparisons = verify(settings.archive, settings.kafka)
    for comparison in comparisons:
        _print_comparison(comparison)
    return REACHED if all(comparison.is_right for comparison in comparisons) else NOT_REACHED


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
        ArchiveTable(location, kind, create=False)  # fail before the folder of another place is made
        with location.exclusive():
            table = ArchiveTable(location, kind, create=False)
            before = len(table.delta.file_uris())
            days = compact(table, settings.compact_files)
            removed = remove_files(table)
        after = len(table.delta.file_uris())
        print(f"{kind.name}: {days} day(s) compacted, {before} -> {after} file(s); {removed} old file(s) removed")
    return REACHED
