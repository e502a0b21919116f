from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.archive.sequence_ranges import SequenceRanges

NUMBERS = st.integers(0, 40)
RANGES = st.tuples(NUMBERS, NUMBERS).map(lambda pair: (min(pair), max(pair)))


@given(st.lists(NUMBERS | RANGES, max_size=40))
def test_ranges_contain_exactly_the_added_numbers(additions):
    ranges, numbers = SequenceRanges(), set()
    for addition in additions:
        if isinstance(addition, int):
            assert ranges.add(addition) == (addition not in numbers)
            numbers.add(addition)
        else:
            ranges.add_range(*addition)
            numbers.update(range(addition[0], addition[1] + 1))
        assert {number for number in range(42) if number in ranges} == numbers
        listed = list(ranges)
        assert sum(last - first + 1 for first, last in listed) == len(numbers)
        # There are as few ranges as possible: none overlaps or is adjacent to the next.
        assert all(before[1] + 1 < after[0] for before, after in pairwise(listed))


@given(st.lists(RANGES), st.lists(RANGES))
def test_the_order_of_additions_does_not_matter(some, others):
    assert list(SequenceRanges([*some, *others])) == list(SequenceRanges([*others, *some]))


def test_a_session_without_gaps_is_one_range():
    ranges = SequenceRanges()
    assert all(ranges.add(number) for number in range(10_000))
    assert len(ranges) == 1


def test_a_range_that_ends_before_it_begins_is_rejected():
    with pytest.raises(ValueError, match="3 to 2"):
        SequenceRanges([(3, 2)])
