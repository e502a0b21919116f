"""Which of HHAR's two clocks is used."""

import numpy as np
import pytest

from har import hhar
from har.hhar import Clock
from har.recordings import RecordingError, recordings_from_columns

EXACT = [str(1424696631913248572 + 5_000_000 * row) for row in range(2_000)]


def test_whole_nanoseconds_are_exact() -> None:
    assert hhar.chosen_clock(EXACT) is Clock.EXACT
    assert hhar.event_times(np.array(EXACT[:2], np.int64), np.array([0, 0]), Clock.EXACT).tolist() == [
        1424696631913248, 1424696631918248,
    ]  # fmt: skip


def test_rounded_times_are_used_while_they_separate_readings() -> None:
    fifteen_digits = [f"{int(text):.14e}" for text in EXACT]
    assert hhar.chosen_clock(fifteen_digits) is Clock.ROUNDED
    times = hhar.event_times(np.array(fifteen_digits, np.float64), np.zeros(2_000, np.int64), Clock.ROUNDED)
    assert np.abs(times - np.array(EXACT, np.int64) // 1000).max() <= 6  # µs
    assert hhar.chosen_clock([f"{int(text):.2e}" for text in EXACT]) is Clock.ARRIVAL


def test_arrival_times_are_used_otherwise() -> None:
    assert hhar.event_times(np.array([1.4e18]), np.array([1424696633908]), Clock.ARRIVAL).tolist() == [1424696633908000]


def test_text_that_is_not_a_number_is_an_error() -> None:
    with pytest.raises(RecordingError, match="Creation_Time must be numbers"):
        hhar.chosen_clock(["1.4e18", "noon"])


def test_a_table_becomes_recordings() -> None:
    table = {
        "User": np.array(["a", "a", "b"]), "Device": np.array(["nexus4_1"] * 3), "Model": np.array(["nexus4"] * 3),
        "Creation_Time": np.array(EXACT[:3], np.int64), "Arrival_Time": np.array([1, 2, 3]),
        "x": np.zeros(3), "y": np.zeros(3), "z": np.full(3, 9.8), "gt": np.array(["sit", "null", "walk"]),
    }  # fmt: skip
    found = recordings_from_columns(hhar.recording_columns(table, Clock.EXACT))
    assert [(r.person, r.session, r.labels.tolist()) for r in found] == [
        ("nexus4_1/a", "hhar", ["sit", "null"]), ("nexus4_1/b", "hhar", ["walk"]),
    ]  # fmt: skip
