"""Tables are split into recordings by session, and invalid tables are rejected."""

import numpy as np
import pytest

from har.recordings import COLUMNS, Coded, RecordingError, event_times, recordings_from_columns, window_labels
from har.windowing import WindowSpec


def columns(count: int = 4, **changes: object) -> dict[str, np.ndarray | Coded]:
    made: dict[str, object] = {
        "user": ["u"] * count, "device": ["d"] * count, "model": ["m"] * count, "session": ["s"] * count,
        "t": np.arange(count) / 50, "x": np.zeros(count), "y": np.zeros(count), "z": np.full(count, 9.8),
        "gt": ["sit"] * count,
    } | changes  # fmt: skip
    return {name: values if isinstance(values, Coded) else np.array(values) for name, values in made.items()}


def test_sessions_are_separated_in_the_order_of_the_table() -> None:
    found = recordings_from_columns(columns(user=["b", "a", "b", "a"], session=["1", "1", "2", "1"]))
    assert [(r.user, r.session) for r in found] == [("b", "1"), ("a", "1"), ("b", "2")]
    assert found[1].times.tolist() == [20_000, 60_000]
    assert found[1].person == "d/a"


def test_coded_columns_equal_plain_ones() -> None:
    users = ["b", "a", "b", "a"]
    coded = Coded(np.array(["a", "unused", "b"]), np.array([2, 0, 2, 0]))
    plain, short = recordings_from_columns(columns(user=users)), recordings_from_columns(columns(user=coded))
    assert [r.user for r in plain] == [r.user for r in short] == ["b", "a"]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_missing_column_is_named(name: str) -> None:
    table = columns()
    del table[name]
    with pytest.raises(RecordingError, match=f"no column {name}; recordings need user,device"):
        recordings_from_columns(table)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": [0.0, np.nan, np.inf, 0.0]}, "2 of 4 rows hold NaN or infinity, first row 1"),
        ({"t": [0.0, 0.02, np.nan, 0.06]}, "1 of 4 rows hold NaN or infinity in t, first row 2"),
        ({"y": ["a", "b", "c", "d"]}, "x, y and z must be numbers"),
        ({"t": ["a", "b", "c", "d"]}, "t must be numbers"),
        ({"gt": ["sit"]}, "columns differ in length"),
    ],
)
def test_invalid_readings_are_rejected(changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        recordings_from_columns(columns(**changes))


def test_times_are_seconds_microseconds_or_dates() -> None:
    assert event_times(np.array([1.5, 2.0])).tolist() == [1_500_000, 2_000_000]
    assert event_times(np.array([15, 20])).tolist() == [15, 20]
    assert event_times(np.array(["1970-01-01T00:00:01.5"], "datetime64[ns]")).tolist() == [1_500_000]


def test_a_window_has_the_ground_truth_that_all_its_readings_share() -> None:
    (recording,) = recordings_from_columns(columns(600, gt=["sit"] * 300 + ["walk"] * 300))
    starts = np.array([0, 2_000_000, 3_000_000, 6_000_000, 8_000_000, 20_000_000])
    assert window_labels(recording, starts, WindowSpec()) == ["sit", "sit", None, "walk", "walk", None]
