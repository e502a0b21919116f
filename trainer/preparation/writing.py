"""A prepared folder comes into being: all of it, or nothing under its name."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from har.process.whole_files import part_of, sync
from har.releases import TrainingData
from trainer.preparation.pieces import Piece
from trainer.preparation.plan import SPLITS, TRAIN, PreparationPlan
from trainer.preparation.shards import (
    PreparedIndex,
    ShardError,
    describe_shard,
    piece_table,
    shard_of,
    write_index,
)


@contextmanager
def prepared_folder(output: Path) -> Iterator[Path]:
    """Give a folder to write shards into; it gets its name when the block ends without an error and all is on the disk.

    Raises
    ------
    ShardError
        If `output` exists and is not empty.
    OSError
        If the disk fails.
    """
    if output.exists() and any(output.iterdir()):
        raise ShardError(f"{output} exists already; choose another folder for the prepared recordings")
    part = part_of(output)
    if part.exists():
        shutil.rmtree(part)
    part.mkdir(parents=True)
    try:
        yield part
        for written in part.rglob("*"):
            sync(written)
        sync(part)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    if output.exists():
        output.rmdir()
    part.rename(output)
    sync(output.parent)


def shard_file(folder: Path, split: str, number: int) -> Path:
    """Return where the pieces of a shard lie if one process writes them."""
    return folder / f"split={split}" / f"shard={number:03d}" / "pieces.parquet"


def deal(pieces: Sequence[Piece], shards: int) -> Iterator[tuple[int, Piece]]:
    """Deal the pieces of one session and split to shards."""
    for place, piece in enumerate(pieces):
        yield shard_of(piece, place, shards), piece


def write_shards(folder: Path, dealt: Mapping[tuple[str, int], Iterable[Piece]]) -> None:
    """Write the pieces of each (split, shard number)."""
    for (split, number), pieces in dealt.items():
        file = shard_file(folder, split, number)
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(piece_table(pieces), file)


def finish(
    folder: Path,
    plan: PreparationPlan,
    *,
    models: Mapping[str, Iterable[str]],
    wearers: Mapping[str, str],
    personal: bool,
    sources: Sequence[str],
    provenance: Sequence[TrainingData],
) -> PreparedIndex:
    """Describe every shard below a folder, check that there is something to train on, and write the index.

    Parameters
    ----------
    folder : Path
        Where the shards were written.
    plan : PreparationPlan
        How they were cut.
    models, wearers : mapping
        The models of phone of each person, and who the person is.
    personal : bool
        Whether recordings were split in time.
    sources : sequence of str
        The data sets' paths.
    provenance : sequence of TrainingData
        Where they are from.

    Raises
    ------
    ShardError
        If the training split has no window, or lacks a class.
    """
    shards = [
        describe_shard(folder, file, split, number)
        for split in SPLITS
        for number, file in sorted(
            (int(file.parent.name.partition("=")[2]), file)
            for file in (folder / f"split={split}").glob("shard=*/*.parquet")
        )
    ]
    index = PreparedIndex(
        plan=plan,
        shards=shards,
        models={person: sorted(set(names)) for person, names in sorted(models.items())},
        wearers=dict(wearers),
        personal=personal,
        sources=readable_names(sources),
        provenance=list(provenance),
    )
    _require_classes(index)
    write_index(folder, index)
    return index


def readable_names(paths: Iterable[str]) -> list[str]:
    """Name data sets by the ends of their paths: the file alone, or as many folders more as tell them apart.

    Examples
    --------
    >>> readable_names(["/data/b/walks.parquet", "/data/a/walks.parquet", "/data/a/stairs.parquet"])
    ['a/walks.parquet', 'b/walks.parquet', 'stairs.parquet']
    """
    parts = [Path(path).parts for path in paths]
    names = []
    for mine in parts:
        others = [other for other in parts if other != mine]
        kept = next(
            (count for count in range(1, len(mine)) if all(other[-count:] != mine[-count:] for other in others)),
            len(mine),
        )
        names.append(str(Path(*mine[-kept:])))
    return sorted(names)


def _require_classes(index: PreparedIndex) -> None:
    found = index.windows(TRAIN)
    length = index.plan.training_windows.length_us / 1e6
    if not found:
        raise ShardError(
            f"nothing to train on: no window of {length:g} s is labelled {', '.join(index.plan.classes)} "
            f"in {', '.join(index.sources)}"
        )
    shown = {label for labels in found.values() for label in labels}
    missing = [name for name in index.plan.classes if name not in shown]
    if missing:
        raise ShardError(
            f"no training window of {length:g} s is labelled {', '.join(missing)}: record more of it, or leave it out "
            "with --classes"
        )
