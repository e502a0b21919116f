"""Reading request bodies with limits on the size, compressed and decompressed, and on the time."""

import asyncio
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from har.process.bounded_reading import OversizedError, read_at_most
from har.rejections import RejectedMessage
from har.samples import UNDECODABLE

Document = TypeVar("Document")

#: Largest document other than readings.
MAX_DOCUMENT_BYTES = 16_384


async def read_body(request: web.Request, *, max_bytes: int, seconds: float) -> bytes:
    """Return a request's body, decompressed if it is compressed (gzip, deflate).

    The body is decompressed in pieces, so a small body that would grow beyond the limit never fills the memory.

    Parameters
    ----------
    max_bytes : int
        Largest size, compressed and decompressed.
    seconds : float
        Time limit for the whole body.

    Raises
    ------
    RejectedMessage
        With code ``oversized``, ``too_slow``, or ``malformed`` if the body cannot be read or decompressed.
    """
    too_large = RejectedMessage(
        "oversized", f"the document is over {max_bytes:,} bytes: send smaller documents more often"
    )
    if request.content_length is not None and request.content_length > max_bytes:
        raise too_large
    try:
        async with asyncio.timeout(seconds):
            return await read_at_most(request.content.iter_any(), max_bytes)
    except OversizedError as error:
        raise too_large from error
    except TimeoutError as error:
        raise RejectedMessage("too_slow", f"the document did not arrive within {seconds:g} s") from error
    except (web.RequestPayloadError, HttpProcessingError, ConnectionError) as error:
        raise RejectedMessage("malformed", f"cannot read the document: {error}") from error


async def read_document(request: web.Request, kind: type[Document], *, seconds: float) -> Document:
    """Return a request's JSON body, decoded as a type.

    Raises
    ------
    RejectedMessage
        With the codes of `read_body`; ``malformed`` also if the body is not of this type.
    """
    body = await read_body(request, max_bytes=MAX_DOCUMENT_BYTES, seconds=seconds)
    try:
        return msgspec.json.decode(body, type=kind)
    except UNDECODABLE as error:
        raise RejectedMessage("malformed", f"the document does not have the expected fields: {error}") from error
