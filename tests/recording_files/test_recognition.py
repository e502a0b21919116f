"""Every format is recognised by its header and content, and read in the project's units."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from har.recordings import RecordingError
from recording_files import find_source
from recording_files.column_options import ColumnOptions
from recording_files.formats.text_tables import TextSource
from recording_files.layout import TimeUnit, Unit
from recording_files.loading import recordings_of
from tests.recording_files.made_exports import COUNT, EXPORTS, RATE_HZ, core_motion, readings, table, write_export


def source_of(path: Path, options: ColumnOptions | None = None) -> TextSource:
    source = find_source(path, options=options or ColumnOptions())
    assert isinstance(source, TextSource)
    return source


def with_times(name: str) -> str:
    """Return a table of Core Motion with times, s, in a column of this name in place of the number of the row."""
    header, *rows = core_motion().splitlines()
    timed = [f"{number / RATE_HZ},{row.partition(',')[2]}" for number, row in enumerate(rows)]
    return "\n".join([name + header, *timed, ""])


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_read_in_the_projects_units(tmp_path: Path, name: str) -> None:
    _, _, kind, first_us = EXPORTS[name]
    source = source_of(write_export(tmp_path, name))
    assert source.understood()[0] == f"format {kind}"
    (recording,) = recordings_of(source)
    seconds, axes = readings()
    rate_hz = 50 if name == "MotionSense" else RATE_HZ  # it has no times
    assert (recording.times - first_us).tolist() == np.round(seconds * 1e6 * RATE_HZ / rate_hz).astype(int).tolist()
    np.testing.assert_allclose(recording.axes, axes, atol=1e-4)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_export_is_read_whatever_its_name(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    path = write_export(tmp_path, "phyphox")
    alone = recordings_of(source_of(path))
    path.write_bytes(compress(path.read_bytes()))
    (recording,) = recordings_of(source_of(path))
    assert np.array_equal(recording.axes, alone[0].axes)


def test_names_and_activities_are_taken_from_the_columns(tmp_path: Path) -> None:
    (recording,) = recordings_of(source_of(write_export(tmp_path, "usual names, ms")))
    assert (recording.user, set(recording.labels)) == ("Anna", {"walk"})
    (letters,) = recordings_of(source_of(write_export(tmp_path, "WISDM-51")))
    assert (letters.user, set(letters.labels)) == ("1600", {"sit"})


def test_columns_with_odd_names_are_asked_for_and_taken_from_the_options(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(table("when,one,two,three,what", lambda _, t, a: f"{t * 1000:.0f},{a[0]},{a[1]},{a[2]},Tai Chi"))
    with pytest.raises(RecordingError, match=r"odd\.csv.*--x, --y, --z.*columns are when, one, two, three, what"):
        find_source(path)
    axes = ("one", "two", "three")
    with pytest.raises(RecordingError, match=r"do not tell the times \(--time and --time-unit, or --rate-hz"):
        find_source(path, options=ColumnOptions(axes=axes))
    with pytest.raises(RecordingError, match=r"the column 'now' is not in it; its columns are when"):
        find_source(path, options=ColumnOptions(axes=axes, time="now"))
    (recording,) = recordings_of(source_of(path, ColumnOptions(axes=axes, time="when", texts={"gt": "what"})))
    assert (set(recording.labels), recording.times[1]) == ({"tai_chi"}, 10_000)


@pytest.mark.parametrize("name", ["t", "Time (s)", "elapsed", "timestamp"])
def test_core_motion_has_the_times_of_its_column_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "motion.csv"
    path.write_text(with_times(name))
    (part,) = source_of(path).parts()
    assert part.times()[-1] == round((COUNT - 1) * 1e6 / RATE_HZ)


def test_core_motion_without_times_is_asked_for_its_rate_unless_it_is_motionsense(tmp_path: Path) -> None:
    path = tmp_path / "motion.csv"
    path.write_text(with_times("stamped"))
    with pytest.raises(RecordingError, match=r"do not tell the times \(--time and --time-unit, or --rate-hz.* stamped"):
        find_source(path)
    (part,) = source_of(path, ColumnOptions(rate_hz=RATE_HZ)).parts()
    assert part.times()[1] == 10_000
    (part,) = source_of(path, ColumnOptions(time="stamped")).parts()
    assert part.times()[1] == 10_000


def test_units_that_are_stated_override_what_the_values_suggest(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(table("t,x,y,z", lambda n, _, a: f"{n * 20},{a[0]},{a[1]},{a[2]}"))
    (as_guessed,) = recordings_of(source_of(path))
    options = ColumnOptions(unit=Unit.G, time_unit=TimeUnit.MICROSECONDS, is_inverted=True)
    (part,) = source_of(path, options).parts()
    assert as_guessed.times[1] == 20_000
    assert part.times()[1] == 20
    np.testing.assert_allclose(part.axes(), as_guessed.axes * -9.80665, rtol=1e-5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"t,x,y,z\n", "has no rows"),
        (bytes(range(256)) * 40, "is neither a text table nor Parquet"),
        (b"t,x,x,y,z\n0,1,2,3,4\n", "several columns named 'x': rename or remove all but one"),
        (b"hello\nworld\n", r"is not a table of readings: its first line has 1 cell"),
        (b"\x1f\x8b" + b"broken" * 20, "cannot be read"),
    ],
)
def test_what_is_no_table_of_readings_is_named_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=rf"broken\.csv.*{message}") as raised:
        list(find_source(path).parts())
    assert "\n" not in str(raised.value)


def test_a_folder_of_several_formats_is_rejected_and_its_documents_are_left_out(tmp_path: Path) -> None:
    write_export(tmp_path, "phyphox", "a.csv")
    write_export(tmp_path, "phyphox", "b.csv")
    (tmp_path / "readme.txt").write_text("What was recorded.\n")
    source = source_of(tmp_path)
    assert len(recordings_of(source)) == 2
    assert [remark for remark in source.remarks() if "readme.txt" in remark]
    write_export(tmp_path, "AndroSensor", "c.csv")
    with pytest.raises(RecordingError, match=r"several formats \(phyphox: a\.csv|a\.csv is phyphox; c\.csv is Andro"):
        find_source(tmp_path)


def test_of_times_that_stand_twice_the_first_are_read(tmp_path: Path) -> None:
    first_ns = 1_777_636_800_000_000_000
    lines = [f"{first_ns + number * 20_000_000},{number / 50},0.1,9.8,0.2" for number in range(100)]
    path = tmp_path / "renamed.csv"
    path.write_text("\n".join(["time,seconds_elapsed,z,y,x", *lines, ""]))
    (part,) = find_source(path).parts()
    assert part.times().tolist() == [first_ns // 1_000 + number * 20_000 for number in range(100)]
    assert part.axes()[0].tolist() == pytest.approx([0.2, 9.8, 0.1])


@pytest.mark.parametrize(
    ("header", "per_second"),
    [
        ("time (s),x,y,z", 1),
        ("Elapsed Time (s),X-Axis,Y-Axis,Z-Axis", 1),
        ("elapsed,x (m/s²),y (m/s²),z (m/s²)", 1),
        ("t_ms,a_x,a_y,a_z", 1_000),
        ("timestamp [ms],ax (m/s^2),ay (m/s^2),az (m/s^2)", 1_000),
    ],
)
def test_names_with_a_unit_are_usual_names(tmp_path: Path, header: str, per_second: int) -> None:
    path = tmp_path / "data.csv"
    path.write_text(table(header, lambda _, t, a: f"{t * per_second:.3f},{a[0]},{a[1]},{a[2]}"))
    (recording,) = recordings_of(source_of(path))
    assert recording.times[:2].tolist() == [0, 10_000]


def test_a_reading_a_second_is_not_taken_for_one_a_millisecond(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(table("seconds_elapsed,x,y,z", lambda n, _, a: f"{n},{a[0]},{a[1]},{a[2]}"))
    (part,) = source_of(path).parts()
    assert part.times()[1] == 1_000_000
    path.write_text(table("time,x,y,z", lambda n, _, a: f"{n},{a[0]},{a[1]},{a[2]}"))
    with pytest.raises(RecordingError, match=r"do not tell the times .*: 0 and 1 in 'time' may be in several units"):
        find_source(path)


def test_numbers_of_rows_are_no_people(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(table("id,t,x,y,z", lambda n, t, a: f"{n},{t},{a[0]},{a[1]},{a[2]}"))
    assert [recording.user for recording in recordings_of(source_of(path))] == ["data"]


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("1700000000.0", r"all of the first \d+ values of 'time' are 1700000000\.0, as 32-bit floats cannot hold"),
        ("14/11/2023 22:13:20", r"'time' holds '14/11/2023 22:13:20', and dates are read like 2026-05-01"),
        ("5", r"all of the first \d+ values of 'time' are 5. Its columns"),
    ],
)
def test_times_that_tell_nothing_are_named(tmp_path: Path, time: str, message: str) -> None:
    path = tmp_path / "data.csv"
    different = "/" in time
    path.write_text(
        table("time,x,y,z", lambda n, _, a: f"{time}{f'.{n:03d}' if different else ''},{a[0]},{a[1]},{a[2]}")
    )
    with pytest.raises(RecordingError, match=message.replace("20',", "20.000',")):
        find_source(path)


def test_tables_of_a_folder_in_other_units_are_told(tmp_path: Path) -> None:
    for name, unit in (("anna", 1.0), ("ben", 9.80665), ("chris", 9.80665)):
        rows = table("t,x,y,z", lambda _, t, a, unit=unit: f"{t},{a[0] / unit},{a[1] / unit},{a[2] / unit}")
        (tmp_path / f"{name}.csv").write_text(rows)
    assert "but axes x, y, z in g in ben.csv, chris.csv" in source_of(tmp_path).understood()
