"""Write a prepared folder atomically."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from har.process.whole_files import part_of, sync
from har.releases import TrainingData
from trainer.preparation.class_choice import with_classes
from trainer.preparation.pieces import Piece
from trainer.preparation.plan import SPLITS, PreparationPlan
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
    """Create a temporary folder for shards. It is synced and renamed to `output` when the block ends without an error.

    Yields
    ------
    Path
        The temporary folder.

    Raises
    ------
    ShardError
        If `output` exists and is not empty.
    OSError
        If the disk fails.
    """
    if output.exists() and any(output.iterdir()):
        raise ShardError(f"{output} already exists; choose another folder for the prepared recordings")
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
    """Return the path of a shard that one process writes."""
    return folder / f"split={split}" / f"shard={number:03d}" / "pieces.parquet"


def deal(pieces: Sequence[Piece], shards: int) -> Iterator[tuple[int, Piece]]:
    """Assign the pieces of one session and split to shards; yield shard number and piece."""
    for place, piece in enumerate(pieces):
        yield shard_of(piece, place, shards), piece


def write_shards(folder: Path, shards: Mapping[tuple[str, int], Iterable[Piece]]) -> None:
    """Write the pieces of each shard, by split and number."""
    for (split, number), pieces in shards.items():
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
    rows: Mapping[str, int],
    remarks: Sequence[str],
) -> PreparedIndex:
    """Write the index of all shards in a folder.

    Parameters
    ----------
    folder : Path
        Folder with the shards.
    plan : PreparationPlan
        Plan of the preparation.
    models, wearers : mapping
        Models of the phones of each person, and the wearer of each person.
    personal : bool
        Whether recordings were split in time.
    sources : sequence of str
        Paths of the data sets.
    provenance : sequence of TrainingData
        Provenance of the recordings.
    rows : mapping of str to int
        Number of rows of each label.
    remarks : sequence of str
        What the sources left out.

    Raises
    ------
    RecordingError
        See `with_classes`.
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
        rows=dict(sorted(rows.items())),
        remarks=list(remarks),
    )
    index = with_classes(index)
    write_index(folder, index)
    return index


def readable_names(paths: Iterable[str]) -> list[str]:
    """Return short names of data sets: the file name, with as many parent folders as needed to be unique.

    Examples
    --------
    >>> readable_names(["/data/b/walks.parquet", "/data/a/walks.parquet", "/data/a/stairs.parquet"])
    ['a/walks.parquet', 'b/walks.parquet', 'stairs.parquet']
    """
    parts = [Path(path).parts for path in paths]
    names = []
    for path_parts in parts:
        others = [other for other in parts if other != path_parts]
        length = next(
            (
                count
                for count in range(1, len(path_parts))
                if all(other[-count:] != path_parts[-count:] for other in others)
            ),
            len(path_parts),
        )
        names.append(str(Path(*path_parts[-length:])))
    return sorted(names)
