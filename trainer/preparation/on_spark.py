"""Prepare recordings on Spark, for recordings of any size. The result is the same as in one process.

Executors read ranges of the files with the readers of `recording_files`. Spark groups the readings of each session and
the pieces of each shard as Arrow tables (`mapInArrow`, `applyInArrow`). Splits are assigned before windows are cut.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from py4j.protocol import Py4JError
from pyspark import RDD
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from har.recordings import Coded, Recording, RecordingError, recordings_from_columns
from recording_files.checking import DataSetCheck, Inspection
from recording_files.checking.rates import RateMeter
from recording_files.checking.strictness import (
    checked_parts,
    reject_broken_readings,
    reject_repeated_sessions,
    reject_wrong_rates,
)
from recording_files.falls import with_falls_only
from recording_files.source import Source, provenance_of, remarks_of
from recording_files.table import TEXT_COLUMNS, Part, make_part, make_table
from trainer.preparation.in_process import pieces_by_split
from trainer.preparation.plan import PreparationPlan, is_personal, split_of_people
from trainer.preparation.ranges import FileRange, ranges_of, read_range
from trainer.preparation.shards import PIECE_SCHEMA, PreparedIndex, piece_table
from trainer.preparation.wearers import wearers_of
from trainer.preparation.writing import deal, finish, prepared_folder

_KEY = ("device", "user", "session")
_READINGS = "device string, user string, session string, model string, t long, x float, y float, z float, gt string"
_PIECES = (
    "split string, shard int, person string, model string, session string, label string, "
    "first long, windows int, reason string, grid binary"
)
#: Shuffle partitions per executor. Fewer give larger files, more balance the load of the executors.
_PARTITIONS_PER_EXECUTOR = 6
#: Matches the line of a stack trace with the exception, in Python or Java.
_EXCEPTION_LINE = re.compile(r"(Error|Exception|Failure): \S")


class Session(msgspec.Struct, frozen=True):
    """One session of the data.

    Attributes
    ----------
    source : str
        Path of the data set.
    device, user, session, model : str
        Names of the device, the user and the session, and the model of the phone.
    """

    source: str
    device: str
    user: str
    session: str
    model: str

    @property
    def person(self) -> str:
        """The person, ``device/user``."""
        return f"{self.device}/{self.user}"


@dataclass(frozen=True)
class _Cutting:
    """The parameters that executors need to cut a session."""

    plan: PreparationPlan
    splits: dict[str, str]
    personal: bool
    rates: dict[tuple[str, str, str], tuple[str, float | None]]


def prepare_on_spark(
    spark: SparkSession,
    sources: Sequence[Source],
    plan: PreparationPlan,
    output: Path,
    executors: int,
    inspection: Inspection | None = None,
) -> PreparedIndex:
    """Cut recordings and write a prepared folder.

    Parameters
    ----------
    spark : SparkSession
        The session. Its executors must see the recordings and the folder under the same paths.
    sources : sequence of Source
        The data sets.
    plan : PreparationPlan
        How to cut and split them.
    output : Path
        The folder to write. It appears atomically.
    executors : int
        Number of executors.
    inspection : Inspection, optional
        How the data sets are checked. Executors check the ranges that they read; the checks are joined.

    Raises
    ------
    RecordingError
        If a file cannot be read or its data are invalid; the message names the file and the row. Also if an executor
        is lost or its disk is full; the message contains Spark's error. Also if there is nothing to train on.
    ShardError
        If the folder exists.
    """
    spark.conf.set("spark.sql.shuffle.partitions", _PARTITIONS_PER_EXECUTOR * executors)
    ranges = [found for source in sources for found in ranges_of(source)]
    with prepared_folder(output) as folder:
        try:
            sessions, rows = _sessions(spark, ranges, sources, inspection)
            cutting = _cutting(sessions, sources, plan)
            _write(_pieces(spark, ranges, cutting), folder)
        # Errors raised by Python code in an executor are PySparkExceptions; the loss of an executor is a Java error.
        except (PySparkException, Py4JError) as error:
            if _is_rejection(error):
                _diagnose(sources)
            raise RecordingError(f"Spark could not prepare the recordings: {_root_cause(error)}") from error
        models: dict[str, list[str]] = {}
        for session in sessions:
            models.setdefault(session.person, []).append(session.model)
        return finish(
            folder,
            plan,
            models=models,
            wearers=_wearers(sessions),
            personal=cutting.personal,
            sources=[str(source.path.absolute()) for source in sources],
            provenance=provenance_of(sources),
            rows=rows,
            remarks=remarks_of(sources),
        )


def _sessions(
    spark: SparkSession, ranges: Sequence[FileRange], sources: Sequence[Source], inspection: Inspection | None
) -> tuple[list[Session], Counter[str]]:
    """Check the recordings in a first pass over the files; return their sessions, and the rows of each label."""
    asked = inspection or Inspection()
    spec, bounds = asked.spec, asked.bounds  # all that executors need of it

    def check_range(text: str) -> tuple[str, DataSetCheck]:
        found = msgspec.json.decode(text, type=FileRange)
        checked = DataSetCheck(spec=spec, bounds=bounds)
        for part in read_range(found):
            checked.add(part)
        checked.finish()
        return found.source, checked

    of_ranges = _distributed(spark, ranges).map(check_range).collect()  # in their order
    sessions, rows = list[Session](), Counter[str]()
    for source in sources:
        path = str(source.path.absolute())
        checked = asked.begin(source)
        for of_source, of_range in of_ranges:
            if of_source == path:
                checked.join(of_range)
        if not checked.sessions:
            raise RecordingError(f"{source.path} has no rows")
        if inspection is not None:
            inspection.report(source, checked)
        rows += checked.contents.labels
        sessions += (Session(path, *each.names.key, each.names.model) for each in checked.sessions.values())
    by_source: dict[str, list[tuple[str, str]]] = {}
    sessions.sort(key=msgspec.structs.astuple)
    for session in sessions:
        by_source.setdefault(session.source, []).append((session.person, session.session))
    reject_repeated_sessions(by_source.items())
    return sessions, rows


def _wearers(sessions: Sequence[Session]) -> dict[str, str]:
    by_source: dict[str, set[str]] = {}
    for session in sessions:
        by_source.setdefault(session.source, set()).add(session.person)
    return wearers_of(by_source.values())


def _cutting(sessions: Sequence[Session], sources: Sequence[Source], plan: PreparationPlan) -> _Cutting:
    wearers = _wearers(sessions)
    personal = is_personal(wearers)
    rates = {str(source.path.absolute()): source.rate_hz for source in sources}
    return _Cutting(
        plan,
        split_of_people(wearers, 0.0 if personal else plan.held_out_share),
        personal,
        {
            (session.device, session.user, session.session): (session.source, rates[session.source])
            for session in sessions
        },
    )


def _pieces(spark: SparkSession, ranges: Sequence[FileRange], cutting: _Cutting) -> DataFrame:
    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for found in _ranges(batches):
            for part in read_range(found):
                reject_broken_readings(part)
                yield from _plain(part).to_batches()

    def cut(table: pa.Table) -> pa.Table:
        return _cut_session(table, cutting)

    return _frame(spark, ranges).mapInArrow(read, _READINGS).groupBy(*_KEY).applyInArrow(cut, _PIECES)


def _cut_session(table: pa.Table, cutting: _Cutting) -> pa.Table:
    device, user, session = (table[name][0].as_py() for name in _KEY)
    source, rate_hz = cutting.rates[device, user, session]
    part = make_part(table, Path(source))
    meter = RateMeter()
    meter.add(part)
    reject_wrong_rates(meter.sessions(), rate_hz)
    recording = _recording(part)
    split = cutting.splits[recording.person]
    tables = []
    for name, pieces in pieces_by_split(recording, split, cutting.plan, personal=cutting.personal).items():
        assigned = list(deal(pieces, cutting.plan.shards))
        cut = piece_table(piece for _, piece in assigned)
        numbers = pa.array([number for number, _ in assigned], pa.int32())
        splits = pa.array([name] * len(assigned), pa.string())
        tables.append(cut.add_column(0, "shard", numbers).add_column(0, "split", splits))
    return pa.concat_tables(tables) if tables else _no_pieces()


def _recording(part: Part) -> Recording:
    columns: dict[str, Coded | np.ndarray] = {name: part.coded(name) for name in TEXT_COLUMNS}
    columns |= {name: part.table[name].to_numpy() for name in ("t", "x", "y", "z")}
    [recording] = recordings_from_columns(columns)
    return with_falls_only(recording)


def _no_pieces() -> pa.Table:
    fields = [pa.field("split", pa.string()), pa.field("shard", pa.int32()), *PIECE_SCHEMA]
    return pa.schema(fields).empty_table()


def _plain(part: Part) -> pa.Table:
    """Return a part as a table with plain strings, as Spark does not support dictionaries."""
    names = (*_KEY, "model", "t", "x", "y", "z", "gt")
    columns = {name: part.table[name] for name in names}
    return make_table(
        {name: pc.cast(column, pa.string()) if name in TEXT_COLUMNS else column for name, column in columns.items()}
    )


def _write(pieces: DataFrame, folder: Path) -> None:
    ordered = pieces.repartition("split", "shard").sortWithinPartitions("split", "shard", "person", "session", "first")
    writer = ordered.write.mode("overwrite").partitionBy("split", "shard")
    writer.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false").parquet(str(folder.absolute()))
    for checksum in folder.rglob(".*.crc"):  # the index has SHA-256 digests
        checksum.unlink()


def _distributed(spark: SparkSession, ranges: Sequence[FileRange]) -> RDD[str]:
    texts = [msgspec.json.encode(found).decode() for found in ranges]
    return spark.sparkContext.parallelize(texts, len(texts))


def _frame(spark: SparkSession, ranges: Sequence[FileRange]) -> DataFrame:
    return spark.createDataFrame(_distributed(spark, ranges).map(lambda text: (text,)), "range string")


def _ranges(batches: Iterator[pa.RecordBatch]) -> Iterator[FileRange]:
    for batch in batches:
        for text in batch.column(0).to_pylist():
            yield msgspec.json.decode(str(text), type=FileRange)


def _is_rejection(error: PySparkException | Py4JError) -> bool:
    """Return whether an executor rejected the data. Other errors, such as a lost executor, cannot be diagnosed here."""
    return f"{RecordingError.__name__}: " in str(error)


def _diagnose(sources: Sequence[Source]) -> None:
    """Read the data in this process to raise the error with its row number, as executors only know their own range."""
    for source in sources:
        for _ in checked_parts(source):
            pass


def _root_cause(error: PySparkException | Py4JError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # The innermost exception comes last. For errors in Python, Java's line only announces a stack trace.
    raised = [line for line in lines if _EXCEPTION_LINE.search(line) and not line.endswith("(most recent call last):")]
    return (raised or lines or [type(error).__name__])[-1][:500]
