"""The first part of a run: find the recordings, and make shards of them, or take those that there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyspark.sql import SparkSession

from har.recordings import RecordingError
from trainer.preparation.in_process import prepare_in_process
from trainer.preparation.on_spark import prepare_on_spark
from trainer.preparation.plan import TEST, TRAIN, VALIDATION, PreparationPlan
from trainer.preparation.shards import INDEX_FILE, PreparedIndex, ShardError, read_index
from trainer.sources import Source, find_source
from trainer.sources.recordings import recordings_of
from trainer.sources.source import provenance_of

#: With fewer windows of a person, or of an activity, somebody should know.
FEW_WINDOWS = 20


def is_prepared(data: Sequence[str | Path]) -> bool:
    """Tell whether the data are one prepared folder instead of recordings."""
    return len(data) == 1 and (Path(data[0]) / INDEX_FILE).is_file()


def prepare(
    data: Sequence[str | Path],
    plan: PreparationPlan,
    output: Path,
    *,
    spark: SparkSession | None,
    executors: int,
) -> PreparedIndex:
    """Make shards of recordings, on Spark or, without it, in this process.

    Raises
    ------
    RecordingError
        If a data set cannot be used; the text names the file, and the row where it can.
    ShardError
        If there is nothing to train on, or the folder exists.
    """
    sources = find_sources(data)
    if spark is not None:
        return prepare_on_spark(spark, sources, plan, output, executors)
    return prepare_in_process(
        {str(source.path.absolute()): recordings_of(source) for source in sources},
        plan,
        output,
        provenance=provenance_of(sources),
    )


def find_sources(data: Sequence[str | Path]) -> list[Source]:
    """Find all data sets.

    Raises
    ------
    RecordingError
        If one is not there, is none, or is given twice.
    """
    sources: list[Source] = []
    for path in data:
        source = find_source(path)
        same = [other for other in sources if other.path.resolve() == source.path.resolve()]
        if same:
            raise RecordingError(f"{path} is given twice")
        sources.append(source)
    return sources


def open_prepared(folder: Path, plan: PreparationPlan) -> PreparedIndex:
    """Read the index of a folder that was prepared beforehand, if it suits.

    Raises
    ------
    ShardError
        If it cannot be read, or its windows or classes are not those that are to be trained on.
    """
    index = read_index(folder)
    differing = [
        f"{name} {getattr(index.plan, name)} instead of {getattr(plan, name)}"
        for name in ("classes", "training_windows", "windows")
        if getattr(index.plan, name) != getattr(plan, name)
    ]
    if differing:
        raise ShardError(f"{folder} was prepared for other windows: {'; '.join(differing)}. Prepare again")
    return index


def describe(index: PreparedIndex) -> str:
    """Say in a line how much there is to train on and to validate with."""
    trained, validated = index.windows(TRAIN), index.windows(VALIDATION)
    said = (
        f"{_count(trained)} windows of {len(trained)} people to train on, "
        f"{_count(validated)} of {len(validated)} to validate with"
    )
    aside = index.windows(TEST)
    return said + (f"; {len(aside)} reserved test users set aside" if aside else "")


def warnings_of(index: PreparedIndex) -> list[str]:
    """Say who or what there is too little of; a class with no training window is rejected by preparation."""
    trained = index.windows(TRAIN)
    by_class = {name: sum(labels[name] for labels in trained.values()) for name in index.plan.classes}
    found = [
        f"only {count} training windows are labelled {name}" for name, count in by_class.items() if count < FEW_WINDOWS
    ]
    everybody = {**index.windows(TEST), **index.windows(VALIDATION), **trained}
    for person in sorted(index.models):
        count = sum(everybody[person].values()) if person in everybody else 0
        if count < FEW_WINDOWS:
            found.append(f"{person} has {count or 'no'} labelled windows: too few to say or learn anything")
    if index.personal:
        found.append(
            "too few people to hold any out: the end of each activity's recording validates instead, and the release "
            "is personal"
        )
    return found


def _count(windows: Mapping[str, Counter[str]]) -> str:
    return f"{sum(labels.total() for labels in windows.values()):,}"
