"""Journals of senders: every batch that the gateway acknowledged, with the ground truth of each reading.

A journal is one append-only file per session. The audit compares a run with it: it gives the windows that must have
been classified, and their ground truth.

Each entry is handed to the operating system before the next answer is read, so a killed sender loses at most the entry
that it was writing. An incomplete last entry is ignored on reading, and truncated before anything is appended.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.binary_samples import decode_batch, encode_batch
from har.recordings import Recording
from har.samples import UNDECODABLE, SampleBatch

SUFFIX = ".journal"
_HEAD_BYTES = 4


class _Entry(msgspec.Struct, array_like=True):
    batch: bytes
    activities: list[str]


class JournalError(ValueError):
    """Raised if a file is not a journal, or is damaged."""


class Journal:
    """Writes the journal of one session into a folder; continues an existing one.

    Parameters
    ----------
    folder : Path
        Folder of the journals; it is created if missing.
    device, session : str
        Names of the device and the session.

    Raises
    ------
    JournalError
        If the existing file is not a journal, or is damaged.
    OSError
        If it cannot be written.
    """

    def __init__(self, folder: Path, device: str, session: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{device}.{session}{SUFFIX}"
        # Unbuffered: each entry is one write.
        self._file = path.open("ab", buffering=0)
        self._file.truncate(sum(size for _, size in _entries(path)))
        self._encoder = msgspec.msgpack.Encoder()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, batch: SampleBatch, activities: NDArray[np.str_]) -> None:
        """Append an acknowledged batch with the ground truth of each reading, shape (n,)."""
        entry = self._encoder.encode(_Entry(encode_batch(batch), activities.tolist()))
        written = self._file.write(len(entry).to_bytes(_HEAD_BYTES, "little") + entry)
        if written != _HEAD_BYTES + len(entry):
            raise OSError(f"only {written} of {_HEAD_BYTES + len(entry)} bytes could be written to {self._file.name}")


def read_journals(folder: Path) -> Iterator[tuple[Recording, int]]:
    """Read all journals of a folder: yield each session's readings and their number of batches.

    An incomplete last entry is ignored.

    Raises
    ------
    JournalError
        If a file is not a journal, or is damaged.
    """
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        entries = [entry for entry, _ in _entries(path)]
        if entries:
            batches = [decode_batch(entry.batch) for entry in entries]
            first = batches[0]
            recording = Recording(
                first.device,
                first.device,
                "",
                first.session,
                np.concatenate([batch.times for batch in batches]),
                np.concatenate([batch.axes for batch in batches]),
                np.concatenate([np.array(entry.activities, np.str_) for entry in entries]),
            )
            yield recording, len(batches)


def journal_messages(path: Path) -> Iterator[bytes]:
    """Yield the encoded batches of one journal as they were sent, for `har.binary_samples.decode_batch`.

    Raises
    ------
    JournalError
        If the file is not a journal, or is damaged.
    """
    for entry, _ in _entries(path):
        yield entry.batch


def _entries(path: Path) -> Iterator[tuple[_Entry, int]]:
    """Yield each complete entry and its size, bytes."""
    decoder = msgspec.msgpack.Decoder(_Entry)
    with path.open("rb") as file:
        while len(head := file.read(_HEAD_BYTES)) == _HEAD_BYTES:
            size = int.from_bytes(head, "little")
            body = file.read(size)
            if len(body) < size:
                return
            try:
                yield decoder.decode(body), _HEAD_BYTES + size
            except UNDECODABLE as error:
                raise JournalError(f"{path} is not a journal, or is damaged: {error}") from error
