"""Shards: Parquet files of pieces, and the index that describes them.

A prepared folder holds ``prepared.json`` (`PreparedIndex`) and ``split=…/shard=…/*.parquet``. It appears atomically.
A shard is read as a whole, and its SHA-256 is checked.
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

from har.activity_names import NULL_LABEL
from har.recordings import RecordingError
from har.releases import TrainingData
from har.samples import UNDECODABLE
from har.signal_quality import counted_reasons
from trainer.preparation.pieces import Piece
from trainer.preparation.plan import PreparationPlan

INDEX_FILE = "prepared.json"
SCHEMA_VERSION = 3

_COLUMNS: dict[str, pa.DataType] = {
    "person": pa.string(),
    "model": pa.string(),
    "session": pa.string(),
    "label": pa.string(),
    "first": pa.int64(),
    "windows": pa.int32(),
    "reason": pa.string(),
    "grid": pa.binary(),
}
PIECE_SCHEMA = pa.schema(_COLUMNS)


class ShardError(RecordingError):
    """A prepared folder or a shard cannot be used. The message names the file and a remedy."""


class Shard(msgspec.Struct, frozen=True):
    """One file of pieces.

    Attributes
    ----------
    split : str
        ``train``, ``validation`` or ``test``.
    number : int
        Number within its split, from 0.
    file : str
        Path relative to the prepared folder.
    sha256 : str
        SHA-256 of the file, hexadecimal.
    windows : dict of str to dict of str to int
        Number of windows by person and label.
    unclassified : dict of str to int
        Number of windows that are left out because their readings tell too little, by reason.
    """

    split: str
    number: int
    file: str
    sha256: str
    windows: dict[str, dict[str, int]]
    unclassified: dict[str, int] = {}

    @property
    def count(self) -> int:
        """Number of all windows of the shard."""
        return sum(sum(labels.values()) for labels in self.windows.values())


class PreparedIndex(msgspec.Struct, frozen=True):
    """The index of a prepared folder.

    Attributes
    ----------
    plan : PreparationPlan
        Plan of the preparation.
    shards : list of Shard
        All files, ordered by split and number.
    models : dict of str to list of str
        Models of the phones of each person.
    wearers : dict of str to str
        Wearer of each person (`trainer.preparation.wearers`).
    personal : bool
        Whether recordings were split in time, because there were too few wearers to hold any out.
    sources : list of str
        Names of the data sets.
    provenance : list of TrainingData
        Provenance of the recordings, as stated by the sources.
    rows : dict of str to int
        Number of rows of each label in the recordings, repeated ones included. Rows whose label is none of the classes
        count as null rows.
    remarks : list of str
        What the sources left out and why (`recording_files.source.Source.remarks`).
    not_taken : dict of str to str
        Why activities became no classes, if every activity was asked for.
    schema : int
        Version of the index's format.
    """

    plan: PreparationPlan
    shards: list[Shard]
    models: dict[str, list[str]]
    wearers: dict[str, str]
    personal: bool
    sources: list[str]
    provenance: list[TrainingData]
    rows: dict[str, int] = {}
    remarks: list[str] = []
    not_taken: dict[str, str] = {}
    schema: int = SCHEMA_VERSION

    def of(self, split: str) -> list[Shard]:
        """Return the shards of a split, by number."""
        return [shard for shard in self.shards if shard.split == split]

    def unasked_rows(self) -> dict[str, int]:
        """Return the number of rows of each activity that is neither class nor background, the most frequent first."""
        found = Counter({label: count for label, count in self.rows.items() if label not in self.plan.outputs})
        del found[NULL_LABEL]
        return dict(found.most_common())

    def unclassified(self) -> dict[str, int]:
        """Count the windows that are left out because their readings tell too little, by reason."""
        counts: Counter[str] = Counter()
        for shard in self.shards:
            counts.update(shard.unclassified)
        return dict(sorted(counts.items()))

    def unclassified_text(self) -> str:
        """Return the reasons for which windows are left out, each with its windows; empty without such a window."""
        return counted_reasons(self.unclassified())

    def windows(self, split: str) -> dict[str, Counter[str]]:
        """Count the windows of a split, by person and label."""
        counts: dict[str, Counter[str]] = {}
        for shard in self.of(split):
            for person, labels in shard.windows.items():
                counts.setdefault(person, Counter()).update(labels)
        return {person: counts[person] for person in sorted(counts)}


def piece_table(pieces: Iterable[Piece]) -> pa.Table:
    """Convert pieces to an Arrow table in `PIECE_SCHEMA`, with the signal as little-endian float32 bytes."""
    rows = [
        {
            "person": piece.person,
            "model": piece.model,
            "session": piece.session,
            "label": piece.label,
            "first": piece.first,
            "reason": piece.reason,
            "windows": piece.windows,
            "grid": np.ascontiguousarray(piece.grid, "<f4").tobytes(),
        }
        for piece in pieces
    ]
    return pa.Table.from_pylist(rows, schema=PIECE_SCHEMA)


def pieces_of_table(table: pa.Table) -> list[Piece]:
    """Convert a table in `PIECE_SCHEMA` to pieces."""
    columns: dict[str, list[Any]] = {name: table[name].to_pylist() for name in PIECE_SCHEMA.names}
    return [
        Piece(person, model, session, label, first, np.frombuffer(grid, "<f4").reshape(-1, 3), windows, reason)
        for person, model, session, label, first, windows, reason, grid in zip(*columns.values(), strict=True)
    ]


def shard_of(piece: Piece, place: int, shards: int) -> int:
    """Return the number of a piece's shard.

    Consecutive pieces of a session and label go to consecutive shards, from a first shard that is chosen by a hash.

    Parameters
    ----------
    piece : Piece
        The piece.
    place : int
        Its index among the pieces of its session and split.
    shards : int
        Number of shards.
    """
    start = hashlib.sha256(f"{piece.person} {piece.session} {piece.label}".encode()).digest()
    return (int.from_bytes(start[:4]) + place) % shards


def describe_shard(folder: Path, file: Path, split: str, number: int) -> Shard:
    """Read a written shard and return its description."""
    content = file.read_bytes()
    windows: dict[str, dict[str, int]] = {}
    unclassified: Counter[str] = Counter()
    for piece in pieces_of_table(pq.read_table(pa.BufferReader(content))):
        if piece.reason:
            unclassified[piece.reason] += piece.windows
            continue
        labels = windows.setdefault(piece.person, {})
        labels[piece.label] = labels.get(piece.label, 0) + piece.windows
    digest = hashlib.sha256(content).hexdigest()
    name = file.relative_to(folder).as_posix()
    return Shard(split, number, name, digest, windows, dict(sorted(unclassified.items())))


def write_index(folder: Path, index: PreparedIndex) -> None:
    """Write the index to its folder."""
    (folder / INDEX_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n")


def read_index(folder: Path) -> PreparedIndex:
    """Read the index of a prepared folder.

    Raises
    ------
    ShardError
        If the index is missing, cannot be decoded, or has another schema version.
    """
    file = folder / INDEX_FILE
    try:
        index = msgspec.json.decode(file.read_bytes(), type=PreparedIndex)
    except OSError as error:
        raise ShardError(f"{folder} is not a prepared folder: {file.name}: {error.strerror}") from error
    except UNDECODABLE as error:
        raise ShardError(f"{file} cannot be read ({error}): prepare the recordings again") from error
    if index.schema != SCHEMA_VERSION:
        raise ShardError(
            f"{file} has schema {index.schema}, this version reads {SCHEMA_VERSION}: prepare the recordings again"
        )
    return index


def read_shards(folder: Path, shards: Sequence[Shard]) -> list[Piece]:
    """Read the pieces of shards.

    Raises
    ------
    ShardError
        If a file is missing, or its SHA-256 differs from the index.
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
            f"shard {file} is corrupt: sha256 {digest[:12]}…, the index states {shard.sha256[:12]}…; "
            "prepare the recordings again"
        )
    return pieces_of_table(pq.read_table(pa.BufferReader(content)))
