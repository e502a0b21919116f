"""`har audit`: exit status 0 if nothing is wrong, 1 if something is, 2 if the audit could not be done."""

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

import msgspec
from kafka.errors import KafkaError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from deploy.audit.auditing import audit
from deploy.audit.known_heads import Heads
from deploy.audit.sources import NoJournalError
from deploy.audit.store_heads import heads_of_store
from deploy.audit.text import describe
from deploy.settings import AuditSettings
from har.process.ending import INTERRUPTED, NOT_REACHED, NOT_TRIED, REACHED, report_failure
from har.process.kafka_reading import MissingTopicError
from har.process.log_format import configure_logs
from har.process.record_codecs import MissingCodecError, require_codecs
from har.release_documents import ReleaseError
from ingest.senders.journal import JournalError


def run(settings: AuditSettings) -> int:
    """Run the audit and print its result; return the exit status."""
    configure_logs("audit", settings)
    try:
        require_codecs()
        with _ProgressBars() as bars:
            found = audit(
                settings.kafka,
                journals=settings.journals,
                release=settings.release,
                wait_seconds=settings.wait_seconds,
                tolerance=settings.tolerance,
                grace_seconds=settings.grace_seconds,
                since_seconds=settings.since_seconds,
                heads=_heads(settings),
                report=bars.report,
            )
    except KafkaError as error:
        report_failure("har audit", f"Kafka at {settings.bootstrap}: {error}")
        return NOT_TRIED
    except (JournalError, MissingCodecError, MissingTopicError, NoJournalError, OSError, ReleaseError) as error:
        report_failure("har audit", error)
        return NOT_TRIED
    except KeyboardInterrupt:
        report_failure("har audit", "interrupted")
        return INTERRUPTED
    if settings.json_output:
        document = {"is_clean": found.is_clean and not found.is_empty, **msgspec.to_builtins(found)}
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    else:
        print(describe(found))
    if found.is_empty:
        report_failure("har audit", "there is no batch to audit")
        return NOT_TRIED
    return REACHED if found.is_clean else NOT_REACHED


def _heads(settings: AuditSettings) -> Callable[[], Heads] | None:
    if settings.store_url is None:
        return None
    token = settings.store_token.get_secret_value() if settings.store_token is not None else None
    return partial(heads_of_store, settings.store_url, settings.trusted_root, token)


class _ProgressBars:
    """One progress bar per step, on standard error if that is a terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def report(self, step: str, done: int, total: int) -> None:
        """Show the progress of a step."""
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=total)
        self._progress.update(self._tasks[step], completed=done, total=total)
