"""The first step of a run: find the recordings, and cut them into shards or open an existing prepared folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from pyspark.sql import SparkSession

from har.activity_names import MAX_NAME, is_accepted, listed
from har.recordings import RecordingError
from recording_files import Source, find_source
from recording_files.checking import Inspection
from recording_files.loading import recordings_of
from recording_files.source import provenance_of, remarks_of
from recording_files.stated import split_stated
from trainer.preparation.class_choice import EVERY_CLASS, FEW_WINDOWS
from trainer.preparation.in_process import prepare_in_process
from trainer.preparation.on_spark import prepare_on_spark
from trainer.preparation.plan import TEST, TRAIN, VALIDATION, PreparationPlan
from trainer.preparation.shards import INDEX_FILE, PreparedIndex, ShardError, read_index


def is_prepared(data: Sequence[str | Path]) -> bool:
    """Return whether the data are one prepared folder instead of recordings."""
    return len(data) == 1 and (prepared_folder(data) / INDEX_FILE).is_file()


def prepared_folder(data: Sequence[str | Path]) -> Path:
    """Return the folder of data that are prepared."""
    return split_stated(data[0])[0]


def prepare(
    data: Sequence[str | Path],
    plan: PreparationPlan,
    output: Path,
    *,
    spark: SparkSession | None,
    executors: int,
    inspection: Inspection | None = None,
) -> PreparedIndex:
    """Cut recordings into shards, on Spark, or in this process if `spark` is None.

    Parameters
    ----------
    data : sequence of str or Path
        The data sets; see `recording_files.find_source`.
    plan : PreparationPlan
        How to cut and split them.
    output : Path
        The folder to write.
    spark : SparkSession or None
        The session.
    executors : int
        Number of executors.
    inspection : Inspection, optional
        How the data sets are checked and what is printed about them. Without it, only what training rejects is.

    Raises
    ------
    RecordingError
        If a data set cannot be used; the message names the file and, if possible, the row. Also if there is nothing
        to train on.
    UnsoundDataError
        If a finding stops the command.
    ShardError
        If the folder exists.
    """
    sources = find_sources(data)
    if spark is not None:
        return prepare_on_spark(spark, sources, plan, output, executors, inspection)
    return prepare_in_process(
        {str(source.path.absolute()): recordings_of(source, inspection) for source in sources},
        plan,
        output,
        provenance=provenance_of(sources),
        remarks=remarks_of(sources),
    )


def find_sources(data: Sequence[str | Path]) -> list[Source]:
    """Find all data sets.

    Raises
    ------
    RecordingError
        If a path does not exist, is no data set, or is given twice.
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
    """Read the index of a prepared folder, and check that it suits the plan.

    Raises
    ------
    ShardError
        If the index cannot be read, or its classes, windows or signal bounds differ from the plan's.
    """
    index = read_index(folder)
    if plan.classes == EVERY_CLASS:
        plan = msgspec.structs.replace(plan, classes=index.plan.classes)
    differing = [
        f"{name} {getattr(index.plan, name)} instead of {getattr(plan, name)}"
        for name in ("classes", "training_windows", "windows", "signal_bounds")
        if getattr(index.plan, name) != getattr(plan, name)
    ]
    if differing:
        raise ShardError(
            f"{folder} was prepared with other settings: {'; '.join(differing)}. Prepare again, or use its settings"
        )
    return index


def describe(index: PreparedIndex) -> str:
    """Return a line with the number of windows and people for training and validation."""
    trained, validated = index.windows(TRAIN), index.windows(VALIDATION)
    text = (
        f"{_count(trained)} training windows of {_people(len(trained))}, "
        f"{_count(validated)} validation windows of {_people(len(validated))}"
    )
    reserved = index.windows(TEST)
    return text + (f"; {len(reserved)} reserved test users excluded" if reserved else "")


def describe_left_out(index: PreparedIndex) -> list[str]:
    """Return a line about the windows whose readings tell too little, and one about the rows of no class.

    The second names the labels that were not asked for. A line about nothing is left out.
    """
    lines = []
    if windows := sum(index.unclassified().values()):
        reasons = index.unclassified_text()
        lines.append(f"{windows:,} labelled windows are left out, as their readings tell too little: {reasons}")
    if unasked := index.unasked_rows():
        named = listed(f"{label} ({rows:,})" for label, rows in unasked.items())
        rows = sum(unasked.values())
        lines.append(f"{rows:,} rows have a label that is none of the classes and count as null rows: {named}")
    return lines


def warnings_of(index: PreparedIndex) -> list[str]:
    """Return warnings: what the sources left out, classes that wearers cannot state, and what has few windows.

    Preparation rejects classes without any.
    """
    trained = index.windows(TRAIN)
    by_class = {name: sum(labels[name] for labels in trained.values()) for name in index.plan.classes}
    found = [*index.remarks]
    found += [
        f"only {count} training windows are labelled {name}" for name, count in by_class.items() if count < FEW_WINDOWS
    ]
    found += [
        f"no wearer can state {name!r} as a label: rename it in the recordings to 1 to {MAX_NAME} letters, digits, "
        "spaces, _ and -, beginning with a letter"
        for name in index.plan.classes
        if not is_accepted(name)
    ]
    windows = {**index.windows(TEST), **index.windows(VALIDATION), **trained}
    for person in sorted(index.models):
        shown = windows.get(person, Counter())
        count = sum(shown[name] for name in index.plan.classes)
        if count < FEW_WINDOWS:
            found.append(f"{person} has {count or 'no'} labelled windows, which is too few to train or validate on")
    return found


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


def _count(windows: Mapping[str, Counter[str]]) -> str:
    return f"{sum(labels.total() for labels in windows.values()):,}"
