"""Checks of a data set before training."""

import weakref
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from har.recordings import RecordingError
from recording_files import find_source
from recording_files.checking import Inspection
from recording_files.checking.rates import RateMeter
from recording_files.column_options import ColumnOptions
from recording_files.formats.parquet import RATE_KEY
from recording_files.loading import load_recordings, recordings_of
from tests.recording_files.made_files import recording_columns, write_table


@pytest.mark.parametrize(
    ("label", "meant"),
    [("Walking", "walk"), ("SITTING", "sit"), ("walking-upstairs", "stairsup"), ("Walk", "walk"), ("", "null"),
     ("unknown", "null"), ("Null", "null")],
)  # fmt: skip
def test_another_name_of_an_activity_is_read_as_its_name(tmp_path: Path, label: str, meant: str) -> None:
    path = write_table(tmp_path / "data.parquet", recording_columns(labels=("sit", label)))
    (recording,) = load_recordings([path])
    assert recording.labels[[0, -1]].tolist() == ["sit", meant]
    assert len(set(recording.labels.tolist())) == len({"sit", meant})


def test_new_label_is_accepted(tmp_path: Path) -> None:
    path = write_table(tmp_path / "data.parquet", recording_columns(labels=("sit", "juggle")))
    assert set(load_recordings([path])[0].labels.tolist()) == {"sit", "juggle"}


@pytest.mark.parametrize(
    ("rate_hz", "times", "message"),
    [
        (50, lambda t: t * 1000, r"sampled at 0\.05 Hz, which no phone does; t must be seconds"),  # ms as seconds
        (50, lambda t: int(t * 1000), r"sampled at 5e\+04 Hz, which no phone does"),  # ms as µs
        (50, lambda _: 0.0, r"sampled at inf Hz, which no phone does"),
    ],
)
def test_wrong_unit_of_times_is_detected(tmp_path: Path, rate_hz: float, times, message: str) -> None:
    columns = recording_columns(rate_hz=rate_hz)
    columns["t"] = [times(t) for t in columns["t"]]
    # Every reading differs, so that none is a repeat.
    columns["x"] = [float(row) for row in range(len(columns["t"]))]
    path = write_table(tmp_path / "data.parquet", columns)
    with pytest.raises(RecordingError, match=rf"data\.parquet: user u01, session s1, device phone_1: .*{message}"):
        load_recordings([path])


def test_rate_that_differs_from_the_stated_one(tmp_path: Path) -> None:
    right, wrong = recording_columns("u01", rate_hz=51), recording_columns("u02", rate_hz=100)
    path = write_table(tmp_path / "data.parquet", right, wrong)
    assert len(load_recordings([path])) == 2  # no rate is stated
    message = (
        r"user u02, .*sampled at 100\.0 Hz by its times, but the data set states 50 Hz; correct t or the stated rate"
    )
    with pytest.raises(RecordingError, match=message):
        recordings_of(find_source(path, options=ColumnOptions(rate_hz=50)))
    pq.write_table(pq.read_table(path).replace_schema_metadata({RATE_KEY: b"50"}), path)
    with pytest.raises(RecordingError, match=message):
        load_recordings([path])


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("t", lambda t: t * 1000, r"sampled at 0\.05 Hz"),
        ("x", lambda _: float("nan"), r"hold NaN or infinity in x, y or z, first row 0"),
    ],
)
def test_training_accepts_no_wrong_rate_and_no_broken_reading_even_if_forced(
    tmp_path: Path, name: str, change, message: str
) -> None:
    columns = recording_columns()
    columns[name] = [change(value) for value in columns[name]]
    source = find_source(write_table(tmp_path / "data.parquet", columns))
    with pytest.raises(RecordingError, match=message):
        recordings_of(source, Inspection(force=True, is_strict=True))


def test_gaps_and_repeats_do_not_change_the_rate(tmp_path: Path) -> None:
    columns = recording_columns(seconds=20)
    columns["t"] = [t if t < 10 else t + 60 for t in columns["t"]]
    doubled = {name: [value for value in values for _ in range(2)] for name, values in columns.items()}
    path = write_table(tmp_path / "data.parquet", doubled)
    (recording,) = recordings_of(find_source(path, options=ColumnOptions(rate_hz=50)))
    assert len(recording.times) == 2000


def test_the_rate_is_measured_through_the_files_of_a_folder(tmp_path: Path) -> None:
    columns = recording_columns(seconds=4)
    for number in range(4):  # too few readings in each file for a rate
        piece = {name: values[number * 50 : (number + 1) * 50] for name, values in columns.items()}
        write_table(tmp_path / f"{number}.parquet", piece)
    with pytest.raises(RecordingError, match=r"sampled at 50\.0 Hz by its times, but the data set states 100 Hz"):
        recordings_of(find_source(tmp_path, options=ColumnOptions(rate_hz=100)))


def test_measuring_rates_holds_no_part_of_the_table(tmp_path: Path) -> None:
    path = write_table(tmp_path / "data.parquet", recording_columns())
    meter = RateMeter()
    (part,) = find_source(path).parts()
    meter.add(part)
    gone = weakref.ref(part)
    del part
    assert gone() is None
    assert [session.file for session in meter.sessions()] == [path]
