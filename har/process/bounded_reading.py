"""Reading of bodies that arrive in pieces, such as those of HTTP, up to a limit."""

from collections.abc import AsyncIterable


class OversizedError(ValueError):
    """A body is larger than its limit."""


async def read_at_most(pieces: AsyncIterable[bytes], max_bytes: int) -> bytes:
    """Return the joined pieces of a body.

    Raises
    ------
    OversizedError
        If they are more than `max_bytes` together; the rest is not read.
    """
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > max_bytes:
            raise OversizedError(f"more than {max_bytes:,} bytes")
    return bytes(body)
