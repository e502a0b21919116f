"""The notices of processors."""

import pytest

from har.notices import MAX_BYTES, MAX_CHARACTERS, LiveFault, ReleaseRejected, decode_notice, encode_notice


@pytest.mark.parametrize("character", ["x", "😀", "\0"])
def test_long_texts_are_truncated_so_that_every_notice_can_be_decoded(character):
    text, kept = character * 9_999, character * MAX_CHARACTERS
    rejected = decode_notice(encode_notice(ReleaseRejected(text, text, text, text)), ReleaseRejected)
    assert rejected == ReleaseRejected(kept, kept, kept, kept)
    fault = decode_notice(encode_notice(LiveFault(text, 7, text, ended=True)), LiveFault)
    assert fault == LiveFault(kept, 7, kept, ended=True)


def test_a_message_that_is_no_notice_is_rejected():
    for message in (b"", b"{}", b" " * (MAX_BYTES + 1), encode_notice(LiveFault("a-1", 1, "OOM"))):
        with pytest.raises(ValueError):
            decode_notice(message, ReleaseRejected)
