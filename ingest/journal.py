"""What a sender knows to be in Kafka: every acknowledged batch, with the activity of each reading.

One file a session, appended to. It is what a run is checked against afterwards: the windows that must
have been classified, and what the wearer was really doing.
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


class _Entry(msgspec.Struct, array_like=True):
    batch: bytes
    activities: list[str]


class Journal:
    """Writes one session's journal into a folder."""

    def __init__(self, folder: Path, device: str, session: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"{device}.{session}{SUFFIX}").open("ab")
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
        self._file.write(len(entry).to_bytes(4, "little") + entry)
        self._file.flush()


def read_journals(folder: Path) -> Iterator[tuple[Recording, int]]:
    """Read every journal of a folder: each session's readings, and how many batches they came in.

    An entry that was cut off by a crash of its writer is left out.
    """
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        entries = list(_entries(path))
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


def _entries(path: Path) -> Iterator[_Entry]:
    decoder = msgspec.msgpack.Decoder(_Entry)
    with path.open("rb") as file:
        while len(head := file.read(4)) == 4:
            size = int.from_bytes(head, "little")
            body = file.read(size)
            if len(body) < size:
                return
            yield decoder.decode(body)
