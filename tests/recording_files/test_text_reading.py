"""Rows of text tables: times of day, rows that are cut off or incomplete, spaces, encodings, and faults."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from har.recordings import RecordingError
from recording_files import find_source, stored_files
from recording_files.column_options import ColumnOptions
from recording_files.formats.text_tables import TextSource
from recording_files.layout import TimeUnit
from recording_files.row_streams import LONGEST_ROW
from tests.recording_files.made_exports import COUNT, EXPORTS, readings, table, write_export


def written(folder: Path, content: str | bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def times_of(path: Path, **options: str) -> list[int]:
    source = find_source(path, options=ColumnOptions(**options))
    return [int(time) for part in source.parts() for time in part.times()]


@pytest.mark.parametrize("mark", [":", ".", ","])
def test_times_of_day_go_on_after_midnight(tmp_path: Path, mark: str) -> None:
    def row(number: int, _: float, a: object) -> str:
        of_day = (86_400_000 - 1_000 + number * 20) % 86_400_000
        clock = (
            f"{of_day // 3_600_000:02}:{of_day // 60_000 % 60:02}:{of_day // 1_000 % 60:02}{mark}{of_day % 1_000:03}"
        )
        return f"{clock};0;1;0"

    times = times_of(written(tmp_path, table("time;gFx;gFy;gFz", row)))
    assert times == [86_399_000_000 + number * 20_000 for number in range(COUNT)]


def test_readings_around_midnight_may_come_out_of_order(tmp_path: Path) -> None:
    clocks = ["23:59:59.990", "00:00:00.010", "23:59:59.995", "00:00:00.030"]
    times = times_of(written(tmp_path, "\n".join(["time,gFx,gFy,gFz", *(f"{clock},0,1,0" for clock in clocks)])))
    assert np.diff(times).tolist() == [20_000, -15_000, 35_000]


@pytest.mark.parametrize("first", ["1777636800020", "1777636800020.0", "2026-05-01 12:00:00.020", "12:00:00.020"])
def test_spaces_around_times_do_not_count(tmp_path: Path, first: str) -> None:
    times = [first, first.replace("020", "040")]
    plain = times_of(written(tmp_path, "\n".join(["x,y,z,time", *(f"0,9.8,0,{time}" for time in times), ""])))
    spaced = "\n".join(["x, y, z , time", *(f"0, 9.8, 0 , {time} " for time in times), ""])
    assert times_of(written(tmp_path, spaced)) == plain
    assert plain[1] - plain[0] == 20_000


def test_spaces_around_names_do_not_make_another_person(tmp_path: Path) -> None:
    rows = [f"{number / 50}, 0, 9.8, 0, {user}, walk" for number, user in enumerate(("anna", " anna ", "ben"))]
    (part,) = find_source(written(tmp_path, "\n".join(["time, x, y, z, user, activity", *rows, ""]))).parts()
    assert part.table["user"].to_pylist() == ["anna", "anna", "ben"]
    assert part.coded("user").texts.tolist() == ["anna", "ben"]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["2026-05-01 12:00:00.123456789", "2026-05-01 12:00:00.143"], 123_456),
        (["2026-05-01 14:00:00.020 +0200", "2026-05-01 14:00:00.040 +0200"], 20_000),
        (["2026-05-01T12:00:00,020", "2026-05-01T12:00:00,040"], 20_000),
        (["2026-05-01 12:00:00.020+00:00", "2026-05-01 12:00:00.040+00:00"], 20_000),
    ],
)
def test_dates_are_read_as_programs_write_them(tmp_path: Path, times: list[str], expected: int) -> None:
    path = written(tmp_path, "\n".join(["time;ax;ay;az", *(f"{time};0;9.8;0" for time in times), ""]))
    assert times_of(path)[0] - 1_777_636_800_000_000 == expected


def test_a_time_with_decimals_may_follow_whole_ones(tmp_path: Path) -> None:
    rows = [f"{number * 20},0,9.8,0" for number in range(3_000)]
    path = written(tmp_path, "\n".join(["time_ms,x,y,z", *rows, "60000.5,0,9.8,0", ""]))
    assert times_of(path)[-1] == 60_000_500


@pytest.mark.parametrize("name", ["phyphox", "own columns", "WISDM-51", "usual names, ms", "AndroSensor"])
@pytest.mark.parametrize("lost", [2, 12])
def test_a_last_row_that_is_cut_off_is_left_out_and_told(tmp_path: Path, name: str, lost: int) -> None:
    path = write_export(tmp_path, name)
    text, encoding, _, _ = EXPORTS[name]
    whole = text()
    cut = whole[: whole.rstrip().rfind("\n") + lost]
    path.write_bytes(cut.encode(encoding))
    source = find_source(path)
    assert sum(map(len, source.parts())) == COUNT - 1
    assert source.remarks() == [f"left out of {path.name}: the last row, which is cut off"]


@pytest.mark.parametrize("end", ["\n", "", "\r\n", "\0\0\0\0", "\n\0\0"])
def test_a_last_row_without_an_end_is_kept(tmp_path: Path, end: str) -> None:
    path = written(tmp_path, table("t,x,y,z", lambda n, t, a: f"{t},{a[0]},{a[1]},{a[2]}").rstrip() + end)
    source = find_source(path)
    assert sum(map(len, source.parts())) == COUNT
    assert not source.remarks()


def test_incomplete_rows_of_wisdm_are_left_out_and_counted(tmp_path: Path) -> None:
    lines = EXPORTS["WISDM"][0]().splitlines()
    lines[50] = "33,Walking,49105962326000,-0.69,12.68,;"
    lines[60] = "33,Walking,;"
    path = written(tmp_path, "\n".join(lines))
    source = find_source(path)
    assert sum(map(len, source.parts())) == COUNT - 2
    assert source.remarks() == ["left out of data.csv: 2 incomplete rows"]


def test_incomplete_rows_of_earlier_blocks_are_counted_in_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recording_files.text_reading.BLOCK_BYTES", 1 << 12)
    lines = [f"33,Walking,{49_105_962_326_000 + n * 50_000_000},-0.69,12.68,0.5;" for n in range(6_000)]
    lines[50] = lines[2_950] = "33,Walking,;"
    lines[3_000] = lines[3_000].replace("12.68", "many")
    with pytest.raises(RecordingError, match="column 5 'many' is not a number, row 3000"):
        list(find_source(written(tmp_path, "\n".join(lines))).parts())


def test_an_incomplete_row_of_any_other_table_is_an_error(tmp_path: Path) -> None:
    lines = table("t,x,y,z", lambda n, t, a: f"{t},{a[0]},{a[1]},{a[2]}").splitlines()
    lines[50] = "0.98,1"
    with pytest.raises(RecordingError, match=r"data\.csv cannot be read .*Row #51: Expected 4 columns, got 2: 0\.98,1"):
        list(find_source(written(tmp_path, "\n".join(lines))).parts())


@pytest.mark.parametrize("end", ["\n", " \r\n"])
def test_any_number_of_spaces_separates_cells(tmp_path: Path, end: str) -> None:
    path = written(tmp_path, table("", lambda n, t, a: f"  {t:.2f}  {a[0]: .4f}   {a[1]} {a[2]}", end))
    source = find_source(path)
    assert isinstance(source, TextSource)
    (part,) = source.parts()
    np.testing.assert_allclose(part.axes(), readings()[1], atol=1e-4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda whole: whole + b"x" * (LONGEST_ROW + (LONGEST_ROW >> 1)), "a row has more than 33,554,432 bytes"),
        (lambda whole: whole + "Grüße,1,2,3,4\n".encode("cp1252") * 3, "Row #402: Expected 4 columns, got 5"),
        (lambda whole: whole + b"soon,1,2,3\n", r"t 'soon' is not a number, row 400"),
        (lambda whole: whole + b"9,one,2,3\n", r"x 'one' is not a number, row 400"),
        (
            lambda whole: whole + whole.partition(b"\n")[2] * 1_000 + b"9,8,2\n",
            "Row #400402: Expected 4 columns, got 3",
        ),
        (lambda whole: b"sep=,\n" + whole + b"9,8,2,z\n", r"z 'z' is not a number, row 400"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_in_one_line(
    tmp_path: Path, content: Callable[[bytes], bytes], message: str
) -> None:
    whole = table("t,x,y,z", lambda n, t, a: f"{t},{a[0]},{a[1]},{a[2]}").encode()
    with pytest.raises(RecordingError, match=message) as error:
        list(find_source(written(tmp_path, content(whole))).parts())
    assert "data.csv" in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700


def test_another_encoding_in_the_middle_is_named_with_the_option(tmp_path: Path) -> None:
    rows = [f"{n * 0.02:.2f},0,9.8,0,walk" for n in range(20_000)]
    content = "\n".join(["t,x,y,z,label", *rows]).encode() + "\n400,0,9.8,0,gehen über\n".encode("cp1252")
    path = written(tmp_path, content)
    with pytest.raises(RecordingError, match=r"data\.csv .*not in the encoding utf-8: state it with --encoding"):
        list(find_source(path).parts())
    (part,) = find_source(path, options=ColumnOptions(encoding="cp1252")).parts()
    assert part.table["gt"][-1].as_py() == "gehen_über"


@pytest.mark.parametrize("end", ["", "-"])
def test_a_last_row_that_ends_before_its_last_number_is_left_out(tmp_path: Path, end: str) -> None:
    path = written(tmp_path, "\n".join(["t,x,y,z", *(f"{n / 50},0,9.8,0" for n in range(200)), f"4,0,9.8,{end}"]))
    source = find_source(path)
    assert sum(map(len, source.parts())) == 200
    assert source.remarks() == [f"left out of {path.name}: the last row, which is cut off"]


def test_a_time_that_does_not_fit_into_64_bits_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "\n".join(["time,x,y,z", *(f"{n / 50},0,9.8,0" for n in range(200)), "9e18,0,9.8,0", ""]))
    with pytest.raises(RecordingError, match=r"time 9e\+18 is no time, row 200"):
        times_of(path)


def test_a_part_of_several_blocks_has_the_texts_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recording_files.text_reading.BLOCK_BYTES", 2_000)
    users = [f"u{n // 100}" for n in range(20_000)]
    path = written(tmp_path, "\n".join(["t,x,y,z,user", *(f"{n / 50},0,9.8,0,{u}" for n, u in enumerate(users)), ""]))
    parts = list(find_source(path).parts())
    assert [text for part in parts for text in part.table["user"].to_pylist()] == users
    assert len(parts) > 3
    assert [part.first_row for part in parts[1:]] == np.cumsum([*map(len, parts)]).tolist()[:-1]


class Counted(io.FileIO):
    """A file that knows how far it was read."""

    end = 0

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        self.end = self.tell()
        return content


def test_nothing_is_read_ahead_of_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recording_files.text_reading.BLOCK_BYTES", 1 << 16)
    rows = [f"{n * 0.02:.2f},0,9.8,0" for n in range(50_000)]
    path = written(tmp_path, "\n".join(["t,x,y,z", "s,m/s2,m/s2,m/s2", *rows, ""]))
    source = find_source(path, options=ColumnOptions(time="t", time_unit=TimeUnit.SECONDS))
    counted = Counted(path)
    monkeypatch.setattr(stored_files, "_opener", lambda _: lambda: counted)
    with pytest.raises(RecordingError, match="x 'm/s2' is not a number, row 0"):
        list(source.parts())
    assert counted.end == 1 << 16


def test_cells_with_line_breaks_may_lie_at_the_end_of_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recording_files.text_reading.BLOCK_BYTES", 1 << 12)
    labels = ["walk\nfast", "sit", '"a\n\n\nb"'.replace('"', '""')]
    rows = [f'{n / 50},0,9.8,0,"{labels[n % 3]}"' for n in range(20_000)]
    path = written(tmp_path, "\n".join(["t,x,y,z,label", *rows, ""]))
    parts = list(find_source(path).parts())
    assert len(parts) > 3
    assert sum(map(len, parts)) == len(rows)
    assert {text for part in parts for text in part.table["gt"].to_pylist()} == {"walk_fast", "sit", '"a_b"'}
