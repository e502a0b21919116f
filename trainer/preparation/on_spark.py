"""Preparation on Spark, for recordings of any size: the same windows as in one process, whatever the executors.

Executors read ranges of the files with the readers of `trainer.sources`; Spark brings each session's readings together
and each shard's pieces, as Arrow tables (`mapInArrow`, `applyInArrow`). No window is cut before it is decided who is
held out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from har.recordings import Coded, Recording, RecordingError, recordings_from_columns
from trainer.preparation.in_process import pieces_by_split
from trainer.preparation.plan import PreparationPlan, is_personal, split_of_people
from trainer.preparation.ranges import FileRange, ranges_of, read_range
from trainer.preparation.shards import PIECE_SCHEMA, PreparedIndex, piece_table
from trainer.preparation.wearers import wearers_of
from trainer.preparation.writing import deal, finish, prepared_folder
from trainer.sources.checks import (
    checked_parts,
    reject_broken_readings,
    reject_renamed_labels,
    reject_repeated_sessions,
    reject_wrong_rates,
)
from trainer.sources.rates import RateMeter
from trainer.sources.source import Source, provenance_of
from trainer.sources.table import TEXT_COLUMNS, Part, make_part, make_table

_KEY = ("device", "user", "session")
_READINGS = "device string, user string, session string, model string, t long, x float, y float, z float, gt string"
_PIECES = (
    "split string, shard int, person string, model string, session string, label string, "
    "first long, windows int, grid binary"
)
#: Shuffle partitions an executor: few enough to keep files large, enough that no executor waits long for another.
_PARTITIONS_AN_EXECUTOR = 6
#: A line of a stack trace that says what was raised, in Python or Java.
_RAISED = re.compile(r"(Error|Exception|Failure): \S")


class Session(msgspec.Struct, frozen=True):
    """One session that is in the data.

    Attributes
    ----------
    source : str
        The data set.
    device, user, session, model : str
        Which.
    """

    source: str
    device: str
    user: str
    session: str
    model: str

    @property
    def person(self) -> str:
        """Who recorded it."""
        return f"{self.device}/{self.user}"


@dataclass(frozen=True)
class _Cutting:
    """What executors need to know to cut a session."""

    plan: PreparationPlan
    splits: dict[str, str]
    personal: bool
    rates: dict[tuple[str, str, str], tuple[str, float | None]]


def prepare_on_spark(
    spark: SparkSession, sources: Sequence[Source], plan: PreparationPlan, output: Path, executors: int
) -> PreparedIndex:
    """Cut recordings and write a prepared folder.

    Parameters
    ----------
    spark : SparkSession
        Its executors must see the recordings and the folder under the same paths.
    sources : sequence of Source
        The data sets.
    plan : PreparationPlan
        How they are cut and split.
    output : Path
        The folder; it appears only when it is complete.
    executors : int
        How many there are.

    Raises
    ------
    RecordingError
        If a file cannot be read or holds what cannot be trained on; the text names the file and the row. Or if an
        executor is lost or has no room left on its disk; the text says which.
    ShardError
        If the folder exists, or there is nothing to train on.
    """
    spark.conf.set("spark.sql.shuffle.partitions", _PARTITIONS_AN_EXECUTOR * executors)
    ranges = [found for source in sources for found in ranges_of(source)]
    with prepared_folder(output) as folder:
        try:
            sessions = _sessions(spark, ranges, sources)
            cutting = _cutting(sessions, sources, plan)
            _write(_pieces(spark, ranges, cutting), folder)
        # What happens to an executor, not in it, comes as Java's own exception.
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
        )


def _sessions(spark: SparkSession, ranges: Sequence[FileRange], sources: Sequence[Source]) -> list[Session]:
    """Which sessions there are, from a first look at all files."""

    def look(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for found in _ranges(batches):
            for part in read_range(found):
                keys = part.table.select([*_KEY, "model"]).group_by([*_KEY, "model"]).aggregate([])
                named = {name: pc.cast(keys[name], pa.string()) for name in (*_KEY, "model")}
                sources = pa.array([found.source] * keys.num_rows, pa.string())
                yield from make_table({"source": sources, **named}).to_batches()

    columns = "source string, device string, user string, session string, model string"
    rows = _frame(spark, ranges).mapInArrow(look, columns).distinct().collect()
    sessions = sorted((Session(**row.asDict()) for row in rows), key=msgspec.structs.astuple)
    by_source: dict[str, list[tuple[str, str]]] = {str(source.path.absolute()): [] for source in sources}
    for session in sessions:
        by_source[session.source].append((session.person, session.session))
    for source, theirs in by_source.items():
        if not theirs:
            raise RecordingError(f"{source} has no rows")
    reject_repeated_sessions(by_source.items())
    return sessions


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
                reject_renamed_labels(part)
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
        dealt = list(deal(pieces, cutting.plan.shards))
        described = piece_table(piece for _, piece in dealt)
        numbers = pa.array([number for number, _ in dealt], pa.int32())
        splits = pa.array([name] * len(dealt), pa.string())
        tables.append(described.add_column(0, "shard", numbers).add_column(0, "split", splits))
    return pa.concat_tables(tables) if tables else _no_pieces()


def _recording(part: Part) -> Recording:
    columns: dict[str, Coded | np.ndarray] = {name: part.coded(name) for name in TEXT_COLUMNS}
    columns |= {name: part.table[name].to_numpy() for name in ("t", "x", "y", "z")}
    [recording] = recordings_from_columns(columns)
    return recording


def _no_pieces() -> pa.Table:
    fields = [pa.field("split", pa.string()), pa.field("shard", pa.int32()), *PIECE_SCHEMA]
    return pa.schema(fields).empty_table()


def _plain(part: Part) -> pa.Table:
    """Return a part as Spark knows it: without coded texts."""
    names = (*_KEY, "model", "t", "x", "y", "z", "gt")
    columns = {name: part.table[name] for name in names}
    return make_table(
        {name: pc.cast(column, pa.string()) if name in TEXT_COLUMNS else column for name, column in columns.items()}
    )


def _write(pieces: DataFrame, folder: Path) -> None:
    dealt = pieces.repartition("split", "shard").sortWithinPartitions("split", "shard", "person", "session", "first")
    written = dealt.write.mode("overwrite").partitionBy("split", "shard")
    written.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false").parquet(str(folder.absolute()))
    for checksum in folder.rglob(".*.crc"):  # the index has better ones
        checksum.unlink()


def _frame(spark: SparkSession, ranges: Sequence[FileRange]) -> DataFrame:
    rows = [(msgspec.json.encode(found).decode(),) for found in ranges]
    return spark.createDataFrame(spark.sparkContext.parallelize(rows, len(rows)), "range string")


def _ranges(batches: Iterator[pa.RecordBatch]) -> Iterator[FileRange]:
    for batch in batches:
        for text in batch.column(0).to_pylist():
            yield msgspec.json.decode(str(text), type=FileRange)


def _is_rejection(error: PySparkException | Py4JError) -> bool:
    """Say whether an executor rejected what it read: reading all of it here would not tell why one was lost."""
    return f"{RecordingError.__name__}: " in str(error)


def _diagnose(sources: Sequence[Source]) -> None:
    """Find in one process what an executor stumbled over: it knows only the rows of its own range."""
    for source in sources:
        for _ in checked_parts(source):
            pass


def _root_cause(error: PySparkException | Py4JError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # The innermost comes last. Of an error in Python, Java's line only says that there is one.
    raised = [line for line in lines if _RAISED.search(line) and not line.endswith("(most recent call last):")]
    return (raised or lines or [type(error).__name__])[-1][:500]
