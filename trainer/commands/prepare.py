"""`har prepare`: cut recordings into shards that `har train` and its executors read."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from har.process.ending import NOT_REACHED, REACHED, report_failure
from har.process.log_format import configure_logs
from har.recordings import RecordingError
from recording_files.checking import Inspection, status_of
from trainer.distributed.spark_session import SparkUnavailableError, local_cluster, spark_session
from trainer.preparation.plan import PreparationPlan
from trainer.preparation.shards import PreparedIndex
from trainer.request import TrainRequest
from trainer.runs import preparation
from trainer.runs.library_output import LibraryOutput
from trainer.runs.overview import overview
from trainer.settings import PrepareSettings
from trainer.signal_bounds import bounds_of


def run(settings: PrepareSettings) -> int:
    """Prepare recordings by the settings; return the exit status."""
    if settings.log_format == "json":
        configure_logs("prepare", settings)
    folder = settings.output.resolve()
    if Path.cwd().is_relative_to(folder):  # the folder is replaced as a whole, and "/" has no name
        report_failure(
            "har prepare", f"--output {settings.output} is or contains the current folder: choose a new folder"
        )
        return NOT_REACHED
    with ExitStack() as stack:
        try:
            json_of = "prepare" if settings.log_format == "json" else None
            output = stack.enter_context(LibraryOutput(folder.with_name(f"{folder.name}.log"), json_of=json_of))
        except OSError as error:
            report_failure("har prepare", f"cannot write the log beside {settings.output}: {error}")
            return NOT_REACHED
        return _run(settings, Console(file=output.terminal, soft_wrap=True))


def _run(settings: PrepareSettings, console: Console) -> int:
    request = TrainRequest(
        classes=tuple(settings.classes),
        signal_bounds=bounds_of(settings.signal_bounds),
        held_out_share=settings.held_out_share,
        shards=settings.shards,
    )
    inspection = request.inspection(force=settings.force, quiet=settings.quiet, says_left_out=False, file=console.file)
    try:
        index = _prepare(settings, request.preparation, settings.output.resolve(), inspection)
        for warning in preparation.warnings_of(index):
            console.print(f"warning: {warning}", style="yellow", highlight=False, markup=False)
    except (RecordingError, SparkUnavailableError, OSError) as error:
        print(f"har prepare: {error}", file=console.file)
        return status_of(error)
    print(f"{settings.output}: {preparation.describe(index)}")
    for line in (*overview(index), *preparation.describe_left_out(index)):
        print(line)
    return REACHED


def _prepare(settings: PrepareSettings, plan: PreparationPlan, output: Path, inspection: Inspection) -> PreparedIndex:
    executors, data = settings.executors, settings.stated_data()
    if settings.in_process:
        return preparation.prepare(data, plan, output, spark=None, executors=executors, inspection=inspection)
    preparation.find_sources(data)  # a wrong path must not cost a start of Spark
    master = settings.master or local_cluster(executors)
    with spark_session("har prepare", master, executors) as spark:
        return preparation.prepare(data, plan, output, spark=spark, executors=executors, inspection=inspection)
