"""Which label applies to a reading when labels replace, withdraw and overlap each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.labels import ENDLESS, Label, LabelTable, decode_label, encode_label
from har.rejections import RejectedMessage


def label(start: int, end: int = ENDLESS, activity: str = "walk", said_at: int = 0, user: str | None = None) -> Label:
    return Label("phone", "s1", start, end, activity, said_at, user)


def applied(*stated: Label, times: range = range(10)) -> list[str]:
    table = LabelTable()
    for each in stated:
        table.add(each)
    return table.labels("phone", "s1", np.array(times)).tolist()


def test_an_interval_excludes_its_end():
    assert applied(label(2, 4), times=range(5)) == ["null", "null", "walk", "walk", "null"]


def test_a_label_applies_to_its_own_session_alone():
    table = LabelTable()
    table.add(label(0))
    assert table.labels("phone", "s2", np.arange(3)).tolist() == ["null"] * 3


def test_a_label_with_the_same_start_replaces_the_earlier_one():
    table = LabelTable()
    first, corrected = label(2, 5), label(2, 4, "sit", said_at=1)
    table.add(first)
    table.add(corrected)
    assert table.labels("phone", "s1", np.arange(6)).tolist() == ["null", "null", "sit", "sit", "null", "null"]
    assert table.is_valid(corrected)
    assert not table.is_valid(first)


def test_a_label_that_ends_at_its_start_withdraws_it():
    assert applied(label(2, 5), label(2, 2, said_at=1)) == ["null"] * 10


def test_an_open_label_ends_where_a_later_one_starts():
    stated = (label(1), label(3, 4, "sit", said_at=1))
    assert applied(*stated, times=range(6)) == ["null", "walk", "walk", "sit", "null", "null"]


def test_an_open_label_that_is_corrected_still_ends_where_the_next_one_begins():
    stated = (label(1), label(3, activity="sit", said_at=1), label(1, activity="run", said_at=2))
    assert applied(*stated, times=range(5)) == ["null", "run", "run", "sit", "sit"]
    moved = (label(1, 1, said_at=3), label(2, activity="run", said_at=4))
    assert applied(*stated, *moved, times=range(5)) == ["null", "null", "run", "sit", "sit"]


def test_of_two_that_overlap_the_later_statement_wins():
    assert applied(label(0, 6, "walk", said_at=5), label(2, 4, "sit", said_at=1), times=range(6)) == ["walk"] * 6
    assert applied(label(0, 4), label(2, 6, "sit", said_at=1), times=range(6)) == ["walk"] * 2 + ["sit"] * 4


labels = st.builds(
    lambda start, length, activity, said_at: label(start, start + length, activity, said_at),
    st.integers(0, 8),
    st.integers(0, 5),
    st.sampled_from(["sit", "walk"]),
    st.integers(0, 1_000),
)


@given(st.lists(labels, unique_by=lambda each: each.said_at), st.randoms())
def test_the_order_of_arrival_and_repeats_change_nothing(stated, random):
    shuffled = [*stated, *stated[:2]]
    random.shuffle(shuffled)
    assert applied(*shuffled) == applied(*stated)


@given(labels)
def test_a_label_survives_its_wire_form(stated):
    assert decode_label(encode_label(stated)) == stated


def test_an_open_label_survives_its_wire_form():
    assert decode_label(encode_label(label(5))) == label(5)


@pytest.mark.parametrize("message", [b"", b"{}", b"[]", encode_label(label(5, 4))])
def test_an_invalid_label_is_rejected(message):
    with pytest.raises(RejectedMessage) as rejected:
        decode_label(message)
    assert rejected.value.code == "malformed"


def test_a_session_has_one_wearer():
    table = LabelTable()
    table.add(label(0, 1, user="anna"))
    table.add(label(1, 2, said_at=1))
    assert table.user("phone", "s1") == "anna"
    assert table.contested() == []
    assert table.labels("phone", "s1", np.arange(3)).tolist() == ["walk", "walk", "null"]
    table.add(label(2, 3, said_at=2, user="ben"))
    assert table.user("phone", "s1") is None
    assert table.contested() == [("phone", "s1", ["anna", "ben"])]
    assert table.labels("phone", "s1", np.arange(3)).tolist() == ["null"] * 3
