"""Rejections on the dead-letter topic."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.rejections import MAX_KEPT_BYTES, Rejection, RejectionCode

REJECTIONS = st.builds(
    Rejection,
    message=st.binary(max_size=200),
    code=st.sampled_from(get_args(RejectionCode)),
    detail=st.text(max_size=80),
    rejected_by=st.sampled_from(["gateway", "processor", "archiver"]),
    device=st.none() | st.text(min_size=1, max_size=64),
    origin=st.none() | st.just("har.samples/3/17"),
)


@given(rejection=REJECTIONS)
def test_a_record_of_the_dead_letter_topic_is_decoded_to_what_was_encoded(rejection):
    assert Rejection.of_record(rejection.key, rejection.value, rejection.headers) == rejection


def test_a_long_message_is_truncated_and_its_size_kept():
    rejection = Rejection(bytes(MAX_KEPT_BYTES + 1), "oversized", "too long", "gateway")
    assert len(rejection.value) == MAX_KEPT_BYTES
    assert dict(rejection.headers)["bytes"] == str(MAX_KEPT_BYTES + 1).encode()


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ([], "no header code, detail, rejected_by"),
        ([("code", b"empty"), ("rejected_by", b"gateway")], "no header detail"),
        ([("code", None), ("detail", b"d"), ("rejected_by", b"gateway")], "the code '' is unknown"),
        ([("code", b"\xff"), ("detail", b"d"), ("rejected_by", b"gateway")], "is unknown"),
    ],
)
def test_a_record_that_is_no_rejection_is_an_error(headers, message):
    with pytest.raises(ValueError, match=message):
        Rejection.of_record(b"phone", b"", headers)
