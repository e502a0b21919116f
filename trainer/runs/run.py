"""One run, from recordings to a release: prepare, train, evaluate, freeze, and, if there is a store, judge and publish.

The run folder (`trainer.run_folder`) contains all results. Each step writes its result atomically before the next step
starts, so an interrupted run resumes with the step that was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
from pyspark.sql import SparkSession
from rich.console import Console

from har.process.clock import utc_text
from trainer import defaults
from trainer.distributed import asynchronous, synchronous
from trainer.distributed.cluster import ClusterNode, train_on_cluster
from trainer.distributed.job import TrainingJob
from trainer.distributed.local import train_locally
from trainer.distributed.spark_session import local_cluster, spark_session
from trainer.distributed.weights import load_network
from trainer.evaluation.tables import stated_thresholds
from trainer.evaluation.validation import ValidationWindows, read_validation, write_validation_report
from trainer.gate.judgement import GateResult
from trainer.preparation.plan import TRAIN
from trainer.preparation.shards import INDEX_FILE, PreparedIndex
from trainer.releases.candidate import Candidate, Provenance, make_candidate, simulated_only
from trainer.request import Mode, TrainRequest, with_outputs
from trainer.run_folder import RunFolder, lock_folder
from trainer.runs import preparation
from trainer.runs.live_progress import LiveProgress
from trainer.runs.overview import overview
from trainer.runs.plots import write_curves
from trainer.runs.publication import Destination, judge_and_publish
from trainer.runs.record import Attempt, RunRecord, begin_record, write_record
from trainer.spark_master import COORDINATORS, PARAMETER_SERVERS, node_count

REPORT_FILE = "evaluation.html"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of a run that do not affect the trained weights.

    Attributes
    ----------
    folder : Path
        Run folder.
    resume : bool
        Whether to resume the run in the folder.
    release : str or None
        Name of the release; None for the network and the time.
    master : str or None
        URL of the Spark master; None for a cluster on this machine.
    time_limit : float
        Longest training on executors, s.
    destination : Destination or None
        Store that a release that passes the gate is published to; None to publish nothing.
    pinned : bool
        Whether each training process is pinned to one core, for benchmarks.
    force, quiet : bool
        Whether to train although a finding about the recordings stops, and whether to print nothing about their form.
    """

    folder: Path
    resume: bool = False
    release: str | None = None
    master: str | None = None
    time_limit: float = defaults.TIME_LIMIT_SECONDS
    destination: Destination | None = None
    pinned: bool = False
    force: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class FinishedRun:
    """Result of a run.

    Attributes
    ----------
    folder : RunFolder
        Run folder.
    candidate : Candidate
        The release and its evaluation.
    gate : GateResult or None
        Result of the gate; None without a store, or if an earlier attempt already published the release.
    """

    folder: RunFolder
    candidate: Candidate
    gate: GateResult | None


def run_training(request: TrainRequest, options: RunOptions, console: Console) -> FinishedRun:
    """Carry out a run, or resume it.

    Parameters
    ----------
    request : TrainRequest
        What to train.
    options : RunOptions
        How to carry out the run.
    console : Console
        Console for progress and results.

    Raises
    ------
    RunError, FolderInUseError
        If the folder cannot be used for the request, or another process is training into it.
    RecordingError
        If a data set cannot be used, or a shard is corrupt.
    SparkUnavailableError, ExecutorError
        If Spark does not start, or an executor fails.
    NonFiniteLossError
        If the loss is NaN or infinite, in mode local.
    FreezingError
        If a required frozen format does not agree with the network.
    GateError, ReleaseError
        If the release cannot be judged or published.
    """
    with lock_folder(options.folder):
        return _run(RunFolder(options.folder.resolve()), request, options, console)


def _run(folder: RunFolder, request: TrainRequest, options: RunOptions, console: Console) -> FinishedRun:
    record = begin_record(folder, request, options.release, resume=options.resume)
    job = job_of(request, folder, pinned=options.pinned)
    if not (job.prepared / INDEX_FILE).exists():
        preparation.find_sources(request.data)  # a wrong path must not cost a start of Spark
    with _spark(request, folder, options, console) as spark:
        index = _prepared(request, options, job.prepared, spark, console)
        job = replace(job, request=with_outputs(request, index.plan))
        held_out = read_validation(job.prepared)
        if not folder.weights.exists():
            record = _train(job, record, options, spark, console)
    write_curves(folder)
    with _status(console, "evaluating and freezing"):
        candidate = _candidate(job, index, held_out, record, folder)
    _report_scores(candidate, held_out.doubts(candidate.manifest.metrics), console)
    gate = _judge(folder, candidate, held_out, options, console)
    return FinishedRun(folder, candidate, gate)


def job_of(request: TrainRequest, folder: RunFolder, *, pinned: bool) -> TrainingJob:
    """Return the job for the training processes of a run."""
    prepares = not preparation.is_prepared(request.data)
    return TrainingJob(
        request=request,
        prepared=folder.prepared if prepares else preparation.prepared_folder(request.data).resolve(),
        run=folder.path,
        pinned=pinned,
    )


@contextmanager
def _spark(
    request: TrainRequest, folder: RunFolder, options: RunOptions, console: Console
) -> Iterator[SparkSession | None]:
    """Start Spark if the rest of the run needs it."""
    if request.mode is Mode.LOCAL or folder.weights.exists():
        yield None
        return
    nodes = node_count(request.mode, request.workers)
    master = options.master or local_cluster(nodes)
    with ExitStack() as stack:
        with _status(console, f"starting Spark with {nodes} executors at {master}"):
            spark = stack.enter_context(spark_session("har train", master, nodes))
        yield spark


@contextmanager
def _status(console: Console, what: str) -> Iterator[None]:
    """Show what is running during a step without output of its own."""
    if not console.is_terminal:
        console.print(f"{what} …", highlight=False)
        yield
        return
    with console.status(what):
        yield


def _prepared(
    request: TrainRequest, options: RunOptions, folder: Path, spark: SparkSession | None, console: Console
) -> PreparedIndex:
    if not (folder / INDEX_FILE).exists():
        executors = node_count(request.mode, request.workers)
        inspection = request.inspection(
            force=options.force, quiet=options.quiet, says_left_out=False, file=console.file
        )
        with _status(console, "preparing the recordings"):
            preparation.prepare(
                request.data, request.preparation, folder, spark=spark, executors=executors, inspection=inspection
            )
    index = preparation.open_prepared(folder, request.preparation)
    console.print(f"prepared: {preparation.describe(index)}", highlight=False)
    for line in (*overview(index), *preparation.describe_left_out(index)):
        console.print(line, highlight=False, markup=False)
    for warning in preparation.warnings_of(index):
        console.print(f"warning: {warning}", style="yellow", highlight=False, markup=False)
    return index


def _train(
    job: TrainingJob, record: RunRecord, options: RunOptions, spark: SparkSession | None, console: Console
) -> RunRecord:
    folder, began = RunFolder(job.run), utc_text()
    folder.clear_reports()
    nodes: list[ClusterNode] = []
    outcome = "finished"
    try:
        with LiveProgress(folder, console):
            nodes = _run_nodes(job, spark, options.time_limit)
    except BaseException as error:
        outcome = f"{type(error).__name__}: {error}"
        raise
    finally:
        attempt = Attempt(began, utc_text(), outcome, nodes, folder.worker_reports())
        record = msgspec.structs.replace(record, attempts=[*record.attempts, attempt])
        write_record(folder, record)
    return record


def _run_nodes(job: TrainingJob, spark: SparkSession | None, seconds: float) -> list[ClusterNode]:
    if spark is None:
        train_locally(job)
        return []
    if job.request.mode is Mode.SYNC:
        return train_on_cluster(spark, synchronous.run_node, job, parameter_servers=0, coordinators=0, seconds=seconds)
    return train_on_cluster(
        spark,
        asynchronous.run_node,
        job,
        parameter_servers=PARAMETER_SERVERS,
        coordinators=COORDINATORS,
        seconds=seconds,
    )


def _candidate(
    job: TrainingJob, index: PreparedIndex, held_out: ValidationWindows, record: RunRecord, folder: RunFolder
) -> Candidate:
    provenance = Provenance(
        request=job.request,
        release=record.release,
        training_users=list(index.windows(TRAIN)),
        data=index.provenance,
        simulated=simulated_only(index.windows(TRAIN)),
    )
    model = load_network(job, folder.weights)
    candidate = make_candidate(model, held_out, provenance, folder.release)
    facts = {
        "network": job.request.network,
        "trained": f"{record.request.mode.value}, {record.request.workers} worker(s), {job.request.fit.epochs} epochs",
        "people": preparation.describe(index),
        "data": ", ".join(index.sources),
    }
    write_validation_report(candidate.folder / REPORT_FILE, record.release, candidate.validated, facts)
    return candidate


def _report_scores(candidate: Candidate, doubts: Sequence[str], console: Console) -> None:
    for protocol, found in candidate.manifest.metrics.items():
        console.print(
            f"{protocol}: macro-F1 {found.macro_f1:.3f}, accuracy {found.accuracy:.3f} "
            f"({stated_thresholds(candidate.manifest.thresholds)})",
            highlight=False,
        )
    for label, rate in candidate.manifest.false_activity.items():
        console.print(f"  {label} is called an activity in {rate:.1%} of its windows", highlight=False, markup=False)
    for artifact in candidate.manifest.artifacts:
        console.print(
            f"  {artifact.name:<20} {artifact.bytes:>9,} bytes  largest difference {artifact.largest_difference:.1e}  "
            f"same prediction {artifact.same_prediction:.2%}  {artifact.latency_ms:.2f} ms per window",
            highlight=False,
        )
    for absent in candidate.manifest.left_out:
        console.print(
            f"warning: the release is made without {absent.format}: {absent.reason}", highlight=False, style="yellow"
        )
    for doubt in doubts:
        console.print(f"{doubt}.", highlight=False, markup=False)


def _judge(
    folder: RunFolder, candidate: Candidate, held_out: ValidationWindows, options: RunOptions, console: Console
) -> GateResult | None:
    if options.destination is None:
        return None
    report = partial(console.print, highlight=False, markup=False)
    return judge_and_publish(candidate.folder, folder.weights, held_out, options.destination, report)
