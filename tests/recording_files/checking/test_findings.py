"""Each fault of a recording is found, with its place and what to do; real recordings have no other findings."""

import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from har.recordings import RecordingError
from har.signal_quality import SignalBounds
from recording_files import find_source
from recording_files.checking import DataSetCheck, Finding, Inspection, UnsoundDataError, Weight, check
from recording_files.table import SCHEMA, Part
from tests.recording_files.made_files import recording_columns, write_table

Columns = dict[str, list[object]]
#: 2026-10-25 at midnight UTC, s; the clocks of Europe go back an hour later.
DAY = 1_792_886_400


def findings(folder: Path, *sessions: Columns, **asked: object) -> list[Finding]:
    return check(find_source(write_table(folder / "made.parquet", *sessions)), **asked)  # type: ignore[arg-type]


def scaled(columns: Columns, factor: float, gravity: float = 1.0) -> Columns:
    axes = {axis: np.array(columns[axis], float) for axis in "xyz"}
    axes["z"] = axes["z"] - (1 - gravity) * 9.8
    return columns | {axis: (values * factor).tolist() for axis, values in axes.items()}


def with_times(columns: Columns, change: Callable[[np.ndarray], np.ndarray]) -> Columns:
    return columns | {"t": change(np.array(columns["t"], float)).tolist()}


def restarted(columns: Columns) -> Columns:
    return with_times(columns, lambda t: np.where(t < 40, t, t - 40))


def as_float32(columns: Columns, per_second: float) -> Columns:
    return with_times(columns, lambda t: ((t + DAY) * per_second).astype(np.float32).astype(float) / per_second)


def turned(columns: Columns) -> Columns:
    """Angular speeds: they are large, but their direction changes all the time."""
    t = np.array(columns["t"], float)
    waves = {"x": 60 * np.sin(9 * t), "y": 40 * np.sin(7 * t + 1), "z": 30 * np.sin(11 * t + 2)}
    return columns | {axis: wave.tolist() for axis, wave in waves.items()}


def two_people_at_once(columns: Columns) -> Columns:
    doubled = {name: [value for value in values for _ in range(2)] for name, values in columns.items()}
    doubled["x"] = [float(number % 2) * 3 + float(value) for number, value in enumerate(doubled["x"])]  # type: ignore[arg-type]
    return doubled


def shuffled_pieces(columns: Columns) -> Columns:
    """The rows as if they were sorted by label: ten seconds of one, ten of the other, and so on."""
    pieces = [slice(begin, begin + 500) for begin in (*range(0, 3000, 1000), *range(500, 3000, 1000))]
    return {name: [value for piece in pieces for value in values[piece]] for name, values in columns.items()}


def held(columns: Columns) -> Columns:
    """A recorder that writes each of ten readings a second five times, of a phone that moves."""
    sway = 3 * np.sin(2 * np.pi * 2 * np.array(columns["t"], float))
    axes = {axis: np.array(columns[axis], float) + sway for axis in "xyz"}
    return columns | {axis: np.repeat(values[::5], 5).tolist() for axis, values in axes.items()}


STOPS = {
    "in g": (lambda c: scaled(c, 1 / 9.80665), "the readings are in g", "state the unit with --unit"),
    "in thousandths of g": (lambda c: scaled(c, 1000 / 9.80665), "in thousandths of g", "--unit"),
    "without gravity": (lambda c: scaled(c, 1, gravity=0), "gravity was removed from the readings", "the raw"),
    "of a gyroscope": (turned, "or they are a gyroscope's", "raw accelerometer"),
    "at 20 Hz": (lambda _: recording_columns(rate_hz=20), "the phone measures too rarely (20.0 Hz)", "40 Hz or"),
    "written more often than measured": (held, "readings repeat the one before them in 15 of 15", "each reading once"),
    "ms as seconds": (lambda c: with_times(c, lambda t: t * 1e3), "sampled at 0.05 Hz, which no", "--time-unit"),
    "ns as seconds": (lambda c: with_times(c, lambda t: t * 1e9), "Hz, which no phone does", "--time-unit"),
    "ms as µs": (lambda c: with_times(c, lambda t: t / 1e3), "sampled at 5e+04 Hz, which no phone does", "--time-unit"),
    "seconds in 32-bit floats": (lambda c: as_float32(c, 1), "128 s: they were stored as seconds in 32-bit", "64-bit"),
    "ms in 32-bit floats": (lambda c: as_float32(c, 1e3), "stored as milliseconds in 32-bit", "64-bit"),
    "whole seconds": (lambda c: with_times(c, np.floor), "the times have steps of 1 s", "--rate-hz"),
    "all at once": (lambda c: with_times(c, lambda t: t * 0), "all readings have the same time", "--rate-hz"),
    "a clock that restarts": (restarted, "the clock goes back by 40 s at 0.0 s, and the readings of 20 s", "--session"),
    "the end of summer time": (
        lambda c: with_times(c, lambda t: np.where(t < 30, t, np.where(t < 40, t + 3570, t - 30)) + DAY),
        "2026-10-25 00:00:10 UTC, and the readings of 20 s overlay others of the same time: they are local times",
        "in UTC",
    ),
    "two people in one session": (two_people_at_once, "several people, phones or sensors are in one session", "--user"),
    "a frozen sensor": (
        lambda c: c | {axis: [value] * len(c["t"]) for axis, value in (("x", 0.1), ("y", 0.2), ("z", 9.8))},
        "the sensor shows the same value all the time", "",
    ),
    "all zeros": (lambda c: scaled(c, 0), "3,000 of 3,000 readings are exactly zero", "record them again"),
    "NaN everywhere": (lambda c: c | {"x": [float("nan")] * len(c["t"])}, "3,000 of 3,000 readings are NaN", "remove"),
    "seconds only": (lambda _: recording_columns(seconds=3), "long enough for a window of 4 s", "record longer"),
}  # fmt: skip


@pytest.mark.parametrize("fault", STOPS)
def test_a_fault_that_makes_answers_meaningless_stops(tmp_path: Path, fault: str) -> None:
    spoil, text, remedy = STOPS[fault]
    stopping = [found for found in findings(tmp_path, spoil(recording_columns())) if found.weight is Weight.STOPS]
    assert [found for found in stopping if text in found.text], stopping
    (found,) = [found for found in stopping if text in found.text]
    assert len(stopping) == 1, "one fault is one finding"
    assert remedy in found.remedy
    assert "made.parquet" in found.place
    assert "user u01, session s1" in found.place


def broken(columns: Columns) -> Columns:
    columns["y"][7] = None
    return columns


WARNS = {
    "a missing reading": (broken, "1 of 3,000 readings are NaN, infinite or missing", "row 7"),
    "a clock that goes back a little": (
        lambda c: with_times(recording_columns(seconds=600), lambda t: np.where(t < 300, t, t - 3)),
        "the clock goes back by 3 s at 297.0 s", "row 15000",
    ),
    "some zeros": (
        lambda c: c | {axis: [0.0] * 300 + c[axis][300:] for axis in "xyz"},
        "300 readings in 1 of 1 sessions are exactly zero", "",
    ),
    "duplicates that disagree": (
        lambda c: {name: values + ([9.0] * 9 if name == "x" else values[-9:]) for name, values in c.items()},
        "9 readings have the time of another one and other values", "session s1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", WARNS)
def test_a_fault_of_few_readings_is_a_warning_with_its_place(tmp_path: Path, fault: str) -> None:
    spoil, text, place = WARNS[fault]
    found = findings(tmp_path, spoil(recording_columns()))
    assert [each.weight for each in found][:1] == [Weight.WARNS], found
    assert text in found[0].text
    assert place in found[0].place


@pytest.mark.parametrize(
    "fault", [*STOPS, *sorted(WARNS.keys() - {"duplicates that disagree"})]
)  # two ranges have these
def test_ranges_that_are_checked_apart_and_joined_have_the_same_findings(tmp_path: Path, fault: str) -> None:
    spoil = {**STOPS, **WARNS}[fault][0]
    source = find_source(write_table(tmp_path / "made.parquet", spoil(recording_columns()), recording_columns("u02")))
    whole, joined = DataSetCheck(in_order=False), DataSetCheck(in_order=False)
    for part in source.parts():
        whole.add(part)
        for begin in range(0, len(part), 1_000):  # a whole number of seconds and of windows
            range_of_rows = DataSetCheck()
            range_of_rows.add(Part(part.table.slice(begin, 1_000), part.file))
            range_of_rows.finish()
            joined.join(range_of_rows)
    assert {str(found).partition("; of")[0] for found in joined.findings()} == {
        str(found).partition("; of")[0] for found in whole.findings()
    }
    assert joined.contents == whole.contents


def test_a_good_recording_has_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path, recording_columns(), recording_columns("u02", model="Other", rate_hz=100)) == []


def test_rows_that_are_not_in_order_are_no_restart(tmp_path: Path) -> None:
    columns = recording_columns()
    backwards = {name: values[::-1] for name, values in columns.items()}
    order = np.random.default_rng(0).permutation(len(columns["t"]))
    shuffled = {name: [values[row] for row in order] for name, values in columns.items()}
    assert findings(tmp_path / "sorted by label", shuffled_pieces(columns)) == []
    assert findings(tmp_path / "shuffled", shuffled) == []
    assert [found for found in findings(tmp_path / "backwards", backwards) if found.weight is not Weight.NOTES] == []


def test_a_pause_of_an_hour_may_be_summer_time(tmp_path: Path) -> None:
    columns = with_times(recording_columns(), lambda t: np.where(t < 30, t, t + 3600) + DAY)
    notes = "\n".join(map(str, findings(tmp_path, columns)))
    assert "row 1500 (user u01, session s1, device phone_1): the clock jumps forward by one hour at 2026-10-25" in notes


def test_few_sessions_with_a_fault_do_not_stop_and_are_named(tmp_path: Path) -> None:
    good = [recording_columns(f"u{number:02}") for number in range(10, 50)]
    in_g = [scaled(recording_columns(user), 1 / 9.8) for user in ("anna", "ben")]
    (found,) = findings(tmp_path, *good, *in_g)
    assert found.weight is Weight.WARNS
    assert "(the same in 1 more of 42 sessions: ben/s1)" in found.text
    assert "user anna" in found.place


def test_one_phone_on_two_people_at_once(tmp_path: Path) -> None:
    anna, ben = (with_times(recording_columns(user), lambda t: t + DAY) for user in ("anna", "ben"))
    (found,) = findings(tmp_path, anna, ben)
    assert "several people have readings of one phone at the same time: anna, ben" in found.text
    ben["t"] = [float(time) + 100 for time in ben["t"]]  # type: ignore[arg-type]
    assert findings(tmp_path, anna, ben) == []


def test_the_bounds_are_the_releases_own(tmp_path: Path) -> None:
    slow = recording_columns(rate_hz=20)
    bounds = SignalBounds(lowest_rate_hz=15, longest_spacing_us=200_000)
    assert findings(tmp_path, slow, bounds=bounds) == []
    assert findings(tmp_path, slow)[0].weight is Weight.STOPS


def test_every_unknown_label_is_listed(tmp_path: Path) -> None:
    columns = recording_columns(labels=("sit", "yoga", "Tai chi", "rowing", "Walking"))
    (found,) = findings(tmp_path, columns, classes=("sit", "walk"))
    assert found.weight is Weight.NOTES
    assert all(label in found.text for label in ("yoga (600 readings)", "tai_chi", "rowing"))
    (none,) = findings(tmp_path, columns, classes=("juggle", "run"))
    assert none.weight is Weight.STOPS
    assert all(label in none.text for label in ("sit", "yoga", "tai_chi", "rowing", "walk"))
    assert findings(tmp_path, recording_columns(labels=("null",)), classes=("sit",))[0].weight is Weight.STOPS


def test_readings_that_come_too_late_for_their_windows_are_counted(tmp_path: Path) -> None:
    columns = recording_columns(seconds=200)
    first = {name: values[2500:] for name, values in columns.items()}
    write_table(tmp_path / "1.parquet", first)
    write_table(tmp_path / "2.parquet", {name: values[:2500] for name, values in columns.items()})
    (found,) = check(find_source(tmp_path))
    assert found.weight is Weight.STOPS
    assert "2,500 readings stand after others that are more than 60 s newer, and are left out" in found.text
    assert "2.parquet, row 0" in found.place
    assert check(find_source(tmp_path), in_order=False) == [], "who sorts all readings first leaves none out"


def test_an_inspection_stops_after_the_last_part_unless_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = find_source(write_table(tmp_path / "made.parquet", scaled(recording_columns(), 1 / 9.8)))
    parts = Inspection().parts(source)
    assert next(parts).table.schema == SCHEMA
    with pytest.raises(UnsoundDataError, match="or go on with --force") as raised:
        list(parts)
    assert isinstance(raised.value, RecordingError)
    said = capsys.readouterr().err
    assert "rate 50 Hz" in said
    assert "stops: made.parquet (user u01, session s1, device phone_1): the mean of a second's" in said
    list(Inspection(force=True, quiet=True).parts(source))
    forced = capsys.readouterr().err
    assert "rate 50 Hz" not in forced
    assert "--force is given: the answers that follow may be meaningless" in forced


def test_files_of_a_folder_that_are_left_out_are_told_unless_the_command_does_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"{row / 50},{row % 97 / 9.1},{row % 89 / 9.3},{5 + row % 83 / 9.7}\n" for row in range(500))
    (tmp_path / "made.csv").write_text(f"time,x,y,z\n{rows}", "utf-8")
    (tmp_path / "other.csv").write_text("Zeit;Beschl. X\n0;1\n1;2\n", "utf-8")
    list(Inspection(quiet=True).parts(find_source(tmp_path)))
    assert "look at this" in (said := capsys.readouterr().err)
    assert "left out: " in said
    assert "other.csv" in said
    assert "Its columns are Zeit, Beschl. X" in said
    list(Inspection(quiet=True, says_left_out=False).parts(find_source(tmp_path)))
    assert "left out" not in capsys.readouterr().err


def test_people_whom_two_data_sets_share_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inspection = Inspection(quiet=True)
    for name, device in (("one", "phone_1"), ("two", "phone_1"), ("three", "watch")):
        path = write_table(tmp_path / f"{name}.parquet", recording_columns("anna", device=device))
        list(inspection.parts(find_source(path)))
    same, *others = capsys.readouterr().err.splitlines()
    assert "two.parquet: one.parquet has readings of anna with the same device, too: both are the same person" in same
    assert len(others) == 2
    assert "three.parquet: one.parquet has readings of anna with other devices, too: these count as diff" in others[0]


def test_the_check_holds_nothing_of_the_parts(tmp_path: Path) -> None:
    (part,) = find_source(write_table(tmp_path / "made.parquet", recording_columns(seconds=1000))).parts()
    checked = DataSetCheck()
    checked.add(part)
    gc.collect()
    gc.disable()  # a cycle of references would hold each part until then
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1, 11):
            times = pa.array(part.times() + number * 10**9)
            checked.add(replace(part, table=part.table.set_column(4, "t", times)))
            del times
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert after - before < len(part), "ten parts have 600,000 bytes of readings"


@pytest.mark.recordings
def test_recordings_of_a_published_data_set_that_overlay_each_other(shared_data: Path, tmp_path: Path) -> None:
    one_person = pq.read_table(shared_data / "sisfall_waist.parquet", filters=[("user", "==", "SE15")])
    pq.write_table(one_person, tmp_path / "SE15.parquet")
    (found,) = [each for each in check(find_source(tmp_path / "SE15.parquet")) if each.weight is Weight.STOPS]
    assert (
        "the clock goes back by 25 s at 0.0 s, and the readings of 25 s overlay others of the same time" in found.text
    )
    assert "D17_SE15_R01" in found.place


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hapt_24_users.parquet", ""),
        ("pocket_6_users.parquet", "176 readings in 10 of 10 sessions are exactly zero"),
        ("umafall_waist.parquet", "the phone measures too rarely (20.1 Hz)"),
        ("hhar_excerpt", "the clock goes back by 1,668 s at 2015-02-23 13:03:51 UTC"),  # two clocks of one recording
        ("hhar_table.parquet", "in 17 more of 130 sessions"),
    ],
)
def test_real_recordings(shared_data: Path, name: str, expected: str) -> None:
    found = check(find_source(shared_data / name))
    assert [each.weight for each in found if each.weight is Weight.STOPS] == [Weight.STOPS] * ("umafall" in name)
    assert expected in "\n".join(each.text for each in found)
    assert bool(found) is bool(expected)


def test_of_many_files_that_are_left_out_the_first_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text("no table")
    rows = (f"{number / 50},0,0,9.8\n" for number in range(500))
    (tmp_path / "b.csv").write_text("time,x,y,z\n" + "".join(rows))
    assert sum(map(len, Inspection(quiet=True, force=True).parts(find_source(tmp_path))))
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("look at this")]
    assert [line.partition(": ")[2].partition(": ")[2].partition(":")[0] for line in lines] == [
        *["left out"] * 8,
        "2 more are left out; `har data report` names each",
    ]
