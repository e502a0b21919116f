"""Reading up to a limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.process.bounded_reading import OversizedError, read_at_most


async def stream(pieces, read):
    for piece in pieces:
        read.append(piece)
        yield piece


@given(pieces=st.lists(st.binary(max_size=20), max_size=10), max_bytes=st.integers(0, 100))
async def test_a_body_is_read_whole_or_not_beyond_its_limit(pieces, max_bytes):
    read: list[bytes] = []
    if sum(map(len, pieces)) <= max_bytes:
        assert await read_at_most(stream(pieces, read), max_bytes) == b"".join(pieces)
        return
    with pytest.raises(OversizedError, match=f"more than {max_bytes} bytes"):
        await read_at_most(stream(pieces, read), max_bytes)
    assert len(b"".join(read[:-1])) <= max_bytes
