"""Which of HHAR's two clocks is used."""

import pytest

from har import hhar
from har.hhar import Clock
from har.recordings import RecordingError

EXACT = [str(1424696631913248572 + 5_000_000 * row) for row in range(2_000)]


def test_whole_nanoseconds_are_exact() -> None:
    assert hhar.chosen_clock(EXACT) is Clock.EXACT


def test_rounded_times_are_used_while_they_separate_readings() -> None:
    assert hhar.chosen_clock([f"{int(text):.14e}" for text in EXACT]) is Clock.ROUNDED
    assert hhar.chosen_clock([f"{int(text):.2e}" for text in EXACT]) is Clock.ARRIVAL


def test_text_that_is_not_a_number_is_an_error() -> None:
    with pytest.raises(RecordingError, match="Creation_Time must be numbers"):
        hhar.chosen_clock(["1.4e18", "noon"])
