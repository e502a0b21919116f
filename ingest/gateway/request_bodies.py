"""Reading the body of a request: bounded in size, as it comes and unpacked, and in time."""

import asyncio
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from har.samples import UNDECODABLE, RejectedBatch

Document = TypeVar("Document")

#: Of a document that is not readings.
MAX_DOCUMENT_BYTES = 16_384


async def read_body(request: web.Request, *, max_bytes: int, seconds: float) -> bytes:
    """Return a request's body, unpacked if it came packed (gzip, deflate).

    It is unpacked piece by piece, so what a small body would grow to is never held.

    Raises
    ------
    RejectedBatch
        With code ``oversized``, ``malformed`` or ``too_slow``.
    """
    too_large = RejectedBatch("oversized", f"over {max_bytes:,} bytes: send less at once, more often")
    if request.content_length is not None and request.content_length > max_bytes:
        raise too_large
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.content.iter_any():
                size += len(piece)
                if size > max_bytes:
                    raise too_large
                pieces.append(piece)
    except TimeoutError as error:
        raise RejectedBatch("too_slow", f"the document did not come within {seconds:g} s") from error
    except (web.RequestPayloadError, HttpProcessingError, ConnectionError) as error:
        raise RejectedBatch("malformed", f"the document cannot be read: {error}") from error
    return b"".join(pieces)


async def read_document(request: web.Request, kind: type[Document], *, seconds: float) -> Document:
    """Return a request's JSON body as what it is expected to be.

    Raises
    ------
    RejectedBatch
        With the codes of `read_body`.
    """
    body = await read_body(request, max_bytes=MAX_DOCUMENT_BYTES, seconds=seconds)
    try:
        return msgspec.json.decode(body, type=kind)
    except UNDECODABLE as error:
        raise RejectedBatch("malformed", f"not what is expected here: {error}") from error
