"""Data frames and arrays are read as the same readings in a file are."""

from collections.abc import Callable
from datetime import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from har.recordings import RecordingError
from recording_files import find_source
from recording_files.column_options import NOTHING_STATED, ColumnOptions
from recording_files.formats.in_memory import ArraySource, FrameSource
from recording_files.source import Source

COUNT = 300
FIRST_US = 1_777_636_800_000_000


def columns() -> dict[str, object]:
    rng = np.random.default_rng(0)
    axes = rng.normal([0, 0, 9.8], 0.5, (COUNT, 3)).round(4)
    return {"t": FIRST_US + np.arange(COUNT) * 20_000, **dict(zip("xyz", axes.T, strict=True))}


def rows_of(source: Source) -> list[dict[str, object]]:
    return [row for part in source.parts() for row in part.table.to_pylist()]


def without_names(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{name: value for name, value in row.items() if name not in ("user", "session")} for row in rows]


@pytest.mark.parametrize(
    ("renamed", "changed"),
    [
        ({}, {}),
        ({"t": "time"}, {"t": pd.to_datetime(FIRST_US + np.arange(COUNT) * 20_000, unit="us", utc=True)}),
        ({"t": "time"}, {"t": pd.to_datetime(FIRST_US + np.arange(COUNT) * 20_000, unit="us")}),
        ({"t": "timestamp"}, {"t": (FIRST_US + np.arange(COUNT) * 20_000) * 1_000 + 999}),
        ({"t": "seconds_elapsed"}, {"t": (FIRST_US + np.arange(COUNT) * 20_000) / 1_000_000}),
        ({"t": "time", "x": "acc_x", "y": "acc_y", "z": "acc_z"}, {}),
    ],
)
def test_a_frame_is_read_as_the_same_table_in_a_file(
    tmp_path: Path, renamed: dict[str, str], changed: dict[str, object]
) -> None:
    frame = pd.DataFrame(columns() | changed).rename(columns=renamed)
    frame["activity"] = ["Walking"] * 200 + ["sit"] * 100
    frame["subject"] = 7
    plain = tmp_path / "plain.csv"
    pd.DataFrame(columns() | {"activity": frame["activity"], "subject": 7}).to_csv(plain, index=False)
    found = rows_of(FrameSource(frame))
    assert without_names(found) == without_names(rows_of(find_source(plain)))
    assert {row["user"] for row in found} == {"7"}
    assert {row["gt"] for row in found} == {"walk", "sit"}


def test_an_index_of_times_is_a_column() -> None:
    table = columns()
    index = pd.to_datetime(table.pop("t"), unit="us")
    frame = pd.DataFrame(table, index=index)
    assert [row["t"] for row in rows_of(FrameSource(frame))] == [
        row["t"] for row in rows_of(FrameSource(pd.DataFrame(columns())))
    ]
    assert "time" not in frame.columns


def test_an_index_with_the_name_of_a_column_is_left_alone() -> None:
    frame = pd.DataFrame(columns())
    assert rows_of(FrameSource(frame.set_index("t", drop=False))) == rows_of(FrameSource(frame))
    assert rows_of(FrameSource(frame.set_index("t"))) == rows_of(FrameSource(frame))


@pytest.mark.parametrize("kind", ["Float64", "float32", "object", "str"])
def test_numbers_of_any_type_are_read(kind: str) -> None:
    frame = pd.DataFrame(columns())
    found = rows_of(FrameSource(frame.astype(dict.fromkeys("xyz", kind)).astype({"t": "Int64"})))
    assert found == rows_of(FrameSource(frame))


def test_a_frame_in_g_becomes_metres() -> None:
    frame = pd.DataFrame(columns())
    in_g = frame.assign(**{name: frame[name] / 9.80665 for name in "xyz"})
    first, second = ([(row["x"], row["y"], row["z"]) for row in rows_of(FrameSource(each))] for each in (frame, in_g))
    assert np.allclose(first, second, atol=1e-5)
    (kind, axes, _, *_rest) = FrameSource(in_g).understood()
    assert (kind, axes) == ("format usual column names", "axes x, y, z in g")


def test_the_parts_of_a_frame_make_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame(columns())
    whole = rows_of(FrameSource(frame))
    monkeypatch.setattr("recording_files.formats.in_memory.PART_ROWS", 70)
    parts = list(FrameSource(frame).parts())
    assert [(len(part), part.first_row) for part in parts] == [(70, 0), (70, 70), (70, 140), (70, 210), (20, 280)]
    assert rows_of(FrameSource(frame)) == whole


@pytest.mark.parametrize(
    ("changes", "options", "text"),
    [
        ({"x": None}, {}, r"DataFrame: none of the known formats, and its columns do not tell the axes .*t, y, z"),
        ({"x": ["a"] * COUNT}, {}, r"DataFrame: the column 'x' cannot be read: .*'a'"),
        ({}, {"time": "when"}, r"DataFrame: the column 'when' is not in it; its columns are t, x, y, z"),
        (
            {"t": np.where(np.arange(COUNT) == 5, np.nan, np.arange(COUNT) / 50)},
            {},
            r"DataFrame: 1 row\(s\) have no t, first row 5",
        ),
    ],
)
def test_a_frame_that_cannot_be_read_names_what_is_wrong(
    changes: dict[str, object], options: dict[str, str], text: str
) -> None:
    table = {name: values for name, values in (columns() | changes).items() if values is not None}
    stated = ColumnOptions(**options) if options else NOTHING_STATED
    with pytest.raises(RecordingError, match=text):
        list(FrameSource(pd.DataFrame(table), stated).parts())


def clock(number: int) -> time:
    """Return a time of day: 50 a second, from a second before midnight."""
    of_day = (86_399_000_000 + number * 20_000) % 86_400_000_000
    return time(of_day // 3_600_000_000, of_day // 60_000_000 % 60, of_day // 1_000_000 % 60, of_day % 1_000_000)


@pytest.mark.parametrize("write", [str, lambda found: found], ids=["text", "time"])
def test_times_of_day_go_on_after_midnight(tmp_path: Path, write: Callable[[time], object]) -> None:
    frame = pd.DataFrame(columns() | {"t": [write(clock(number)) for number in range(COUNT)]})
    frame.to_parquet(tmp_path / "clock.parquet")
    for source in (FrameSource(frame), find_source(tmp_path / "clock.parquet")):
        assert [row["t"] for row in rows_of(source)] == [86_399_000_000 + number * 20_000 for number in range(COUNT)]


def test_times_of_kinds_that_are_no_usual_numbers_are_read(tmp_path: Path) -> None:
    milliseconds = [1_777_636_800_000 + number * 20 for number in range(COUNT)]
    decimal = pd.DataFrame(columns() | {"t": [Decimal(number) / 1_000 for number in milliseconds]})
    decimal.to_parquet(tmp_path / "decimal.parquet")
    category = decimal.assign(t=pd.Categorical([str(number) for number in milliseconds]))
    for source in (FrameSource(decimal), FrameSource(category), find_source(tmp_path / "decimal.parquet")):
        assert [row["t"] for row in rows_of(source)] == [number * 1_000 for number in milliseconds]


def test_lengths_of_time_are_times_from_the_beginning(tmp_path: Path) -> None:
    lengths = pd.to_timedelta(3_600_000 + np.arange(COUNT) * 20, unit="ms")
    frame = pd.DataFrame(columns() | {"t": lengths})
    frame.to_parquet(tmp_path / "lengths.parquet")
    for source in (FrameSource(frame), FrameSource(frame.set_index("t")), find_source(tmp_path / "lengths.parquet")):
        assert [row["t"] for row in rows_of(source)] == [3_600_000_000 + number * 20_000 for number in range(COUNT)]
    unnamed = frame.set_index("t").rename_axis(None)
    assert [row["t"] for row in rows_of(FrameSource(unnamed))] == [row["t"] for row in rows_of(FrameSource(frame))]


def test_doubled_columns_are_named() -> None:
    frame = pd.DataFrame(columns())
    with pytest.raises(RecordingError, match="DataFrame has several columns named 'x'"):
        FrameSource(pd.concat([frame, frame[["x"]]], axis=1))


def test_an_empty_frame_has_no_rows() -> None:
    with pytest.raises(RecordingError, match="DataFrame has no rows"):
        FrameSource(pd.DataFrame(columns()).head(0))


def test_the_times_of_an_array_are_microseconds_seconds_dates_or_counted() -> None:
    axes = np.tile([0.0, 0.0, 9.8], (4, 1))
    in_us = np.arange(4) * 20_000
    for given in ({"times": in_us}, {"times": in_us / 1e6}, {"times": in_us.astype("datetime64[us]")}, {"rate_hz": 50}):
        assert [row["t"] for row in rows_of(ArraySource(axes, **given))] == in_us.tolist()


@pytest.mark.parametrize(
    ("axes", "given", "text"),
    [
        (np.zeros((4, 2)), {"rate_hz": 50}, r"an array of readings has the shape \(n, 3\), not \(4, 2\)"),
        (np.zeros((0, 3)), {"rate_hz": 50}, "array has no rows"),
        (np.zeros((4, 3)), {}, "an array of readings has no times: pass times="),
        (np.zeros((4, 3)), {"times": [1, 2]}, r"4 readings need as many times, not an array of shape \(2,\)"),
    ],
)
def test_an_array_that_cannot_be_read_names_what_is_wrong(
    axes: np.ndarray, given: dict[str, object], text: str
) -> None:
    with pytest.raises(RecordingError, match=text):
        ArraySource(axes, **given)
