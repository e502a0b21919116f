"""Sets of sequence numbers, stored as ranges: a session's numbers are contiguous, so usually one range is enough."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class SequenceRanges:
    """A set of integers, stored as disjoint ranges that are not adjacent.

    Parameters
    ----------
    ranges : iterable of (int, int)
        First and last number of each range, both included, in any order; they may overlap.

    Examples
    --------
    >>> numbers = SequenceRanges([(0, 3)])
    >>> numbers.add(5), numbers.add(4), numbers.add(4)
    (True, True, False)
    >>> list(numbers)
    [(0, 5)]
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add_range(first, last)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._firsts, number) - 1
        return place >= 0 and number <= self._lasts[place]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield the first and last number of each range, in ascending order."""
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        """Return the number of ranges."""
        return len(self._firsts)

    def add(self, number: int) -> bool:
        """Add a number; return whether it was not in the set before."""
        if number in self:
            return False
        self.add_range(number, number)
        return True

    def add_range(self, first: int, last: int) -> None:
        """Add all numbers from `first` to `last`, both included.

        Raises
        ------
        ValueError
            If `last` is less than `first`.
        """
        if last < first:
            raise ValueError(f"{first} to {last} is not a range")
        # Merge the new range with those that it overlaps or is adjacent to.
        begin = bisect_right(self._lasts, first - 2)
        end = bisect_right(self._firsts, last + 1)
        if begin < end:
            first = min(first, self._firsts[begin])
            last = max(last, self._lasts[end - 1])
        self._firsts[begin:end] = [first]
        self._lasts[begin:end] = [last]
