"""Damage to the batches in the files of a broker's log."""

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deploy.kafka.cluster import KafkaCluster

_BATCH = struct.Struct(">qi")
_HEADER_BYTES = 61
_LENGTH = struct.Struct(">i")
_LENGTH_AT = 8
_LAST_DELTA_AT = 23


def damage_batch(cluster: KafkaCluster, topic: str, partition: int, offset: int) -> tuple[int, int]:
    """Flip bits in the records of the batch that holds an offset, on every broker; return its first and last offset."""
    place = (0, 0)
    for log in cluster.folder.glob(f"*/data/{topic}-{partition}/*.log"):
        begin, first, last = _find(log, offset)
        with log.open("r+b") as file:
            file.seek(begin + _HEADER_BYTES)
            damaged = bytes(byte ^ 0xFF for byte in file.read(4))
            file.seek(begin + _HEADER_BYTES)
            file.write(damaged)
        place = first, last
    assert place != (0, 0)
    return place


def damage_length(
    cluster: KafkaCluster, topic: str, partition: int, offset: int, length: Callable[[int], int] = lambda _: 3
) -> tuple[int, int]:
    """Change the length in the header of the batch that holds an offset, on every broker; return its first and last."""
    place = [-1, -1]
    for log in cluster.folder.glob(f"*/data/{topic}-{partition}/*.log"):
        with suppress(LookupError), log.open("r+b") as file:
            begin, *place = _find(log, offset)
            file.seek(begin + _LENGTH_AT)
            (right,) = _LENGTH.unpack(file.read(_LENGTH.size))
            file.seek(begin + _LENGTH_AT)
            file.write(_LENGTH.pack(length(right)))
    return place[0], place[1]


def _find(log: Path, offset: int) -> tuple[int, int, int]:
    """Return where the batch with an offset begins in the file, and its first and last offset."""
    content = log.read_bytes()
    begin = 0
    while begin < len(content):
        first, length = _BATCH.unpack_from(content, begin)
        (delta,) = struct.unpack_from(">i", content, begin + _LAST_DELTA_AT)
        if first <= offset <= first + delta:
            return begin, first, first + delta
        begin += _BATCH.size + length
    raise LookupError(f"{log} holds no batch with offset {offset}")
