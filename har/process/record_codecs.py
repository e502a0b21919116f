"""Decompression of Kafka's record batches, with a limit on what a batch may grow to.

Kafka's clients decompress without a limit, so that a batch of 1 MB could fill the memory, and differ in what they
accept. Here one library decompresses for both clients.
"""

import struct
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

#: A batch that grows beyond this is not read, bytes. Kafka accepts compressed batches of up to 1 MiB by default.
MAX_BATCH_BYTES = 32 * 1024 * 1024
#: The codecs by their number in a batch's attributes.
CODECS = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}

_LIBRARY = "cramjam"
#: The first guess of the decompressed size, as a multiple of the compressed size, and its growth. A buffer of the full
#: size each time would cost 20 ms.
_FIRST_GUESS, _GROWTH = 8, 4
_LEAST_GUESS = 4_096
_TOO_SMALL = "failed to write whole buffer"
#: What xerial's snappy, and so Kafka's Java client, writes before its blocks; two version numbers follow, which some
#: producers write in the wrong byte order.
_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_BLOCK_LENGTH = struct.Struct(">i")


class CodecError(ValueError):
    """Data that cannot be decompressed; the message gives the codec and the reason."""


class MissingCodecError(RuntimeError):
    """A codec of Kafka cannot be loaded; the message names it and states what to do."""


def require_codecs() -> None:
    """Check that every codec of Kafka can be loaded, so that a service fails at its start and not at some message.

    Raises
    ------
    MissingCodecError
        If one cannot be loaded.
    """
    for name in CODECS.values():
        try:
            _codec(name)
        except (ImportError, AttributeError) as error:
            raise MissingCodecError(
                f"Kafka's codec {name} cannot be loaded ({error}), so messages compressed with it could not be read; "
                f"install the Python package {_LIBRARY}"
            ) from error


def decompress(number: int, data: memoryview) -> memoryview:
    """Decompress the records of a batch.

    Parameters
    ----------
    number : int
        The codec's number, see `CODECS`; 0 for none.
    data : memoryview
        The compressed records.

    Raises
    ------
    CodecError
        If the codec is unknown, the data are damaged, or they grow beyond `MAX_BATCH_BYTES`.

    Examples
    --------
    >>> import gzip
    >>> bytes(decompress(1, memoryview(gzip.compress(b"readings"))))
    b'readings'
    >>> decompress(1, memoryview(b"this is not gzip"))
    Traceback (most recent call last):
    ...
    har.process.record_codecs.CodecError: gzip: invalid gzip header
    """
    if number == 0:
        return data
    name = CODECS.get(number)
    if name is None:
        raise CodecError(f"the codec {number} is unknown")
    codec = _codec(name)
    try:
        return _snappy(codec, data) if name == "snappy" else _fitting(codec.decompress_into, data)
    except import_module(_LIBRARY).DecompressionError as error:
        raise CodecError(f"{name}: {error}") from error
    except CodecError as error:
        raise CodecError(f"{name}: {error}") from None


def _codec(name: str) -> ModuleType:
    codec: ModuleType = getattr(import_module(_LIBRARY), name)
    return codec


def _fitting(decompress_into: Callable[[memoryview, bytearray], int], data: memoryview) -> memoryview:
    """Decompress into a buffer that grows until everything fits."""
    size = min(max(_LEAST_GUESS, _FIRST_GUESS * len(data)), MAX_BATCH_BYTES)
    while True:
        buffer = bytearray(size)
        try:
            return memoryview(buffer)[: decompress_into(data, buffer)]
        except import_module(_LIBRARY).DecompressionError as error:
            if _TOO_SMALL not in str(error):
                raise
        if size == MAX_BATCH_BYTES:
            raise CodecError(f"the batch grows beyond {MAX_BATCH_BYTES} bytes")
        size = min(size * _GROWTH, MAX_BATCH_BYTES)


def _snappy(codec: ModuleType, data: memoryview) -> memoryview:
    if data[: len(_XERIAL_MAGIC)] != _XERIAL_MAGIC:
        return _snappy_block(codec, data, MAX_BATCH_BYTES)
    records = bytearray()
    place = _XERIAL_HEADER_BYTES
    while place < len(data):
        if place + _BLOCK_LENGTH.size > len(data):
            raise CodecError("the last block is incomplete")
        (length,) = _BLOCK_LENGTH.unpack_from(data, place)
        place += _BLOCK_LENGTH.size
        if not 0 < length <= len(data) - place:
            raise CodecError(f"a block of {length} bytes where {len(data) - place} are left")
        records += _snappy_block(codec, data[place : place + length], MAX_BATCH_BYTES - len(records))
        place += length
    return memoryview(records)


def _snappy_block(codec: ModuleType, data: memoryview, most_bytes: int) -> memoryview:
    if codec.decompress_raw_len(data) > most_bytes:  # the block states its size, before memory is allocated
        raise CodecError(f"the batch grows beyond {MAX_BATCH_BYTES} bytes")
    return memoryview(codec.decompress_raw(data))
