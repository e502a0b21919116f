"""Shards: Parquet files of pieces, and the index that says what is in them.

A prepared folder holds ``prepared.json`` (`PreparedIndex`) and ``split=…/shard=…/*.parquet``. It appears under its
name only when it is complete. A shard is read whole and only if it is, byte for byte, the file that was written.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from har.recordings import RecordingError
from har.releases import TrainingData
from trainer.preparation.pieces import Piece
from trainer.preparation.plan import PreparationPlan

INDEX_FILE = "prepared.json"
SCHEMA_VERSION = 2

_COLUMNS: dict[str, pa.DataType] = {
    "person": pa.string(),
    "model": pa.string(),
    "session": pa.string(),
    "label": pa.string(),
    "first": pa.int64(),
    "windows": pa.int32(),
    "grid": pa.binary(),
}
PIECE_SCHEMA = pa.schema(_COLUMNS)


class ShardError(RecordingError):
    """A prepared folder or a shard that cannot be used; the text names the file and says what to do."""


class Shard(msgspec.Struct, frozen=True):
    """One file of pieces.

    Attributes
    ----------
    split : str
        ``train``, ``validation`` or ``test``.
    number : int
        From 0, in its split.
    file : str
        Path below the prepared folder.
    sha256 : str
        Hexadecimal digest of the file.
    windows : dict of str to dict of str to int
        How many windows it holds, by person and label.
    """

    split: str
    number: int
    file: str
    sha256: str
    windows: dict[str, dict[str, int]]

    @property
    def count(self) -> int:
        """All windows of the shard."""
        return sum(sum(labels.values()) for labels in self.windows.values())


class PreparedIndex(msgspec.Struct, frozen=True):
    """What a prepared folder holds.

    Attributes
    ----------
    plan : PreparationPlan
        How it was prepared.
    shards : list of Shard
        All files, ordered by split and number.
    models : dict of str to list of str
        The models of phone that each person wore.
    wearers : dict of str to str
        Who each person is (`trainer.preparation.wearers`).
    personal : bool
        Whether too few people were there to hold any out, so that recordings were split in time.
    sources : list of str
        Names of the files that it was prepared from.
    provenance : list of TrainingData
        Which data sets the recordings are from, as the sources state it.
    schema : int
        Version of this index.
    """

    plan: PreparationPlan
    shards: list[Shard]
    models: dict[str, list[str]]
    wearers: dict[str, str]
    personal: bool
    sources: list[str]
    provenance: list[TrainingData]
    schema: int = SCHEMA_VERSION

    def of(self, split: str) -> list[Shard]:
        """Return the shards of a split, by number."""
        return [shard for shard in self.shards if shard.split == split]

    def windows(self, split: str) -> dict[str, Counter[str]]:
        """Count the windows of a split, by person and label."""
        counts: dict[str, Counter[str]] = {}
        for shard in self.of(split):
            for person, labels in shard.windows.items():
                counts.setdefault(person, Counter()).update(labels)
        return {person: counts[person] for person in sorted(counts)}


def piece_table(pieces: Iterable[Piece]) -> pa.Table:
    """Put pieces into an Arrow table of `PIECE_SCHEMA`; the signal as little-endian float32 bytes."""
    rows = [
        {
            "person": piece.person,
            "model": piece.model,
            "session": piece.session,
            "label": piece.label,
            "first": piece.first,
            "windows": piece.windows,
            "grid": np.ascontiguousarray(piece.grid, "<f4").tobytes(),
        }
        for piece in pieces
    ]
    return pa.Table.from_pylist(rows, schema=PIECE_SCHEMA)


def pieces_of_table(table: pa.Table) -> list[Piece]:
    """Read pieces back."""
    columns: dict[str, list[Any]] = {name: table[name].to_pylist() for name in PIECE_SCHEMA.names}
    return [
        Piece(person, model, session, label, first, np.frombuffer(grid, "<f4").reshape(-1, 3), windows)
        for person, model, session, label, first, windows, grid in zip(*columns.values(), strict=True)
    ]


def shard_of(piece: Piece, place: int, shards: int) -> int:
    """Deal a piece to a shard: pieces of one person and label go round the shards, from a start of their own.

    Parameters
    ----------
    piece : Piece
        The piece.
    place : int
        Its number among the pieces of its session.
    shards : int
        How many there are.
    """
    start = hashlib.sha256(f"{piece.person} {piece.session} {piece.label}".encode()).digest()
    return (int.from_bytes(start[:4]) + place) % shards


def describe_shard(folder: Path, file: Path, split: str, number: int) -> Shard:
    """Read a shard that was just written and say what is in it."""
    content = file.read_bytes()
    windows: dict[str, dict[str, int]] = {}
    for piece in pieces_of_table(pq.read_table(pa.BufferReader(content))):
        labels = windows.setdefault(piece.person, {})
        labels[piece.label] = labels.get(piece.label, 0) + piece.windows
    digest = hashlib.sha256(content).hexdigest()
    return Shard(split, number, file.relative_to(folder).as_posix(), digest, windows)


def write_index(folder: Path, index: PreparedIndex) -> None:
    """Write the index into its folder."""
    (folder / INDEX_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n")


def read_index(folder: Path) -> PreparedIndex:
    """Read the index of a prepared folder.

    Raises
    ------
    ShardError
        If there is none, or not of this version.
    """
    file = folder / INDEX_FILE
    try:
        index = msgspec.json.decode(file.read_bytes(), type=PreparedIndex)
    except OSError as error:
        raise ShardError(f"{folder} is not a prepared folder: {file.name}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise ShardError(f"{file} cannot be read ({error}): prepare the recordings again") from error
    if index.schema != SCHEMA_VERSION:
        raise ShardError(f"{file} has schema {index.schema}, this version reads {SCHEMA_VERSION}: prepare again")
    return index


def read_shards(folder: Path, shards: Sequence[Shard]) -> list[Piece]:
    """Read the pieces of some shards.

    Raises
    ------
    ShardError
        If a file is missing or is not the one that the index describes.
    """
    return [piece for shard in shards for piece in _read_shard(folder / shard.file, shard)]


def _read_shard(file: Path, shard: Shard) -> list[Piece]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ShardError(f"shard {file}: {error.strerror}; prepare the recordings again") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != shard.sha256:
        raise ShardError(
            f"shard {file} is corrupt: sha256 {digest[:12]}…, the index says {shard.sha256[:12]}…; "
            "prepare the recordings again"
        )
    return pieces_of_table(pq.read_table(pa.BufferReader(content)))
