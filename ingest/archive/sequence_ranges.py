"""Sets of sequence numbers, kept as ranges: a session's numbering is contiguous, so one range is usual."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class SequenceRanges:
    """A set of whole numbers, as disjoint ranges that do not touch.

    Parameters
    ----------
    ranges : iterable of (int, int)
        First and last number of each, in any order; they may overlap.

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
        """Yield the first and last number of each range, ascending."""
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        """Return how many ranges there are."""
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
            raise ValueError(f"{first} to {last} is no range")
        # What overlaps or touches becomes one range with the new one.
        begin = bisect_right(self._lasts, first - 2)
        end = bisect_right(self._firsts, last + 1)
        if begin < end:
            first = min(first, self._firsts[begin])
            last = max(last, self._lasts[end - 1])
        self._firsts[begin:end] = [first]
        self._lasts[begin:end] = [last]
