"""What a sender knows to be in Kafka: every acknowledged batch, with the activity of each reading.

One file a session, appended to. It is what a run is checked against afterwards: the windows that must
have been classified, and what the wearer was really doing.

An entry is with the operating system before the next answer is read, so a sender that is killed loses at
most the entry that it was writing. That one is left out when the journal is read, and cut off before
anything is appended to it.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording
from har.samples import SampleBatch, decode_batch, encode_batch

SUFFIX = ".journal"
_HEAD_BYTES = 4


class _Entry(msgspec.Struct, array_like=True):
    batch: bytes
    activities: list[str]


class JournalError(ValueError):
    """A journal holds something else than entries."""


class Journal:
    """Writes one session's journal into a folder; continues one that is there.

    Raises
    ------
    JournalError
        If there is one that holds something else than entries.
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
        """Append a batch that was acknowledged, with the activity of each reading, shape (n,)."""
        entry = self._encoder.encode(_Entry(encode_batch(batch), activities.tolist()))
        written = self._file.write(len(entry).to_bytes(_HEAD_BYTES, "little") + entry)
        if written != _HEAD_BYTES + len(entry):
            raise OSError(f"only {written} bytes of an entry fitted into {self._file.name}")


def read_journals(folder: Path) -> Iterator[tuple[Recording, int]]:
    """Read every journal of a folder: each session's readings, and how many batches they came in.

    An entry that was cut off by a crash of its writer is left out.

    Raises
    ------
    JournalError
        If a file holds something else than entries.
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
    """Yield the batches of one journal as they were sent (`har.samples.decode_batch`).

    Raises
    ------
    JournalError
        If the file holds something else than entries.
    """
    for entry, _ in _entries(path):
        yield entry.batch


def _entries(path: Path) -> Iterator[tuple[_Entry, int]]:
    """Yield every whole entry, and how many bytes it takes."""
    decoder = msgspec.msgpack.Decoder(_Entry)
    with path.open("rb") as file:
        while len(head := file.read(_HEAD_BYTES)) == _HEAD_BYTES:
            size = int.from_bytes(head, "little")
            body = file.read(size)
            if len(body) < size:
                return
            try:
                yield decoder.decode(body), _HEAD_BYTES + size
            except msgspec.MsgspecError as error:
                raise JournalError(f"{path} is no journal, or is damaged: {error}") from error
