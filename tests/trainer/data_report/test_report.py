"""`har data report`: the survey, the findings and the page."""

import re
import resource
from collections.abc import Sequence
from pathlib import Path

import pytest

from recording_files import find_source
from recording_files.checking import Weight
from tests.recording_files.made_files import HHAR_FILE, hhar_lines, hhar_text, recording_columns, write_table
from trainer.data_report.findings import findings_of
from trainer.data_report.report import render_report, run
from trainer.data_report.survey import Survey, survey_source
from trainer.data_settings import ReportSettings
from trainer.defaults import CLASSES


def surveyed(path: Path) -> Survey:
    return survey_source(find_source(path))


def texts(survey: Survey, weight: Weight, fewest_windows: int = 20, classes: Sequence[str] = CLASSES) -> str:
    return "\n".join(str(found) for found in findings_of(survey, fewest_windows, classes) if found.weight is weight)


def test_a_survey_counts_users_classes_rates_and_gaps(tmp_path: Path) -> None:
    one = recording_columns("u01", labels=("sit", "walk", "null"))
    other = recording_columns("u02", device="p2", model="Other", rate_hz=100, labels=("sit",))
    other["t"] = [t if t < 30 else t + 90 for t in other["t"]]
    survey = surveyed(write_table(tmp_path / "data.parquet", one, other))
    assert survey.readings == 9000
    assert survey.users == ["u01", "u02"]
    assert survey.label_seconds() == pytest.approx({"sit": 80, "walk": 20, "null": 20}, abs=0.01)
    assert survey.seconds["u02", "sit"] == pytest.approx(60, abs=0.01)
    assert survey.windows["u01", "walk"] == 17  # of 4 s, a second apart, in 20 s
    assert survey.windows["u02", "sit"] == 2 * 27  # none crosses the gap
    assert [round(session.rate_hz or 0) for session in survey.sessions] == [50, 100]
    assert dict(survey.rates["Phone"]) == {50: 58}  # the first and the last second do not count
    assert survey.gaps_us["Other"] == pytest.approx([90_010_000])
    assert survey.gaps_us["Phone"] == []
    assert survey.traces["walk"].seconds[-1] == pytest.approx(6, abs=0.02)


def test_a_trace_is_from_the_middle_of_the_longest_stretch(tmp_path: Path) -> None:
    short, long = recording_columns("u01", seconds=20), recording_columns("u02", seconds=60)
    trace = surveyed(write_table(tmp_path / "data.parquet", short, long)).traces["walk"]
    assert trace.user == "u02"
    # It walks from second 30 to 60; the middle 6 s begin at 42.
    assert trace.axes[0, 0] == pytest.approx(long["x"][42 * 50 - 1], abs=0.3)


def test_good_data_set_has_no_findings(tmp_path: Path) -> None:
    survey = surveyed(write_table(tmp_path / "data.parquet", recording_columns("u01"), recording_columns("u02")))
    assert findings_of(survey, 20) == []


def test_faults_are_found_and_the_worst_comes_first(tmp_path: Path) -> None:
    broken = recording_columns("u01", labels=("sit", "Walking", "Rope-skipping"))
    broken["x"][7] = float("nan")
    in_g = recording_columns("u02", device="g", model="InG", labels=("sit", "bike"), seconds=30)
    in_g.update(y=[0.0] * 1500, z=[1.0] * 1500)
    zeros = recording_columns("u03", session="s3")
    for axis in "xyz":
        zeros[axis][100:110] = [0.0] * 10
    slow = recording_columns("u04", rate_hz=20, seconds=90)
    in_ms = recording_columns("u05", device="ms", model="InMs")
    in_ms["t"] = [t * 1000 for t in in_ms["t"]]
    survey = surveyed(write_table(tmp_path / "data.parquet", broken, in_g, zeros, slow, in_ms))
    stops, warns, notes = (texts(survey, weight, classes=(*CLASSES, "bike")) for weight in Weight)
    assert "data.parquet, row 7 (user u01, session s1, device phone_1): 1 of 12,300 readings are NaN" in stops
    assert "1,000 readings have a label that is none of the classes" in notes
    assert "count as null rows: rope_skipping (20 s)" in notes
    assert "rope_skipping" not in warns
    assert "u05" in stops
    assert "no phone does" in stops
    assert "(user u02, session s1, device g): the mean of a second's readings is 1 m/s² where gravity" in stops
    assert re.search(r"user u04, .*sampled at 20\.0 Hz, but the median of the sessions of a Phone is 50\.0 Hz", warns)
    assert "bike is missing for 4 of 5 users" in warns
    assert "10 readings in 1 of 5 sessions are exactly zero on all axes" in notes
    assert "fewer than 20 windows of a user" in notes
    weights = [list(Weight).index(found.weight) for found in findings_of(survey, 20)]
    assert weights == sorted(weights)


def test_data_set_without_labels_stops_training(tmp_path: Path) -> None:
    survey = surveyed(write_table(tmp_path / "data.parquet", recording_columns(labels=("null",))))
    assert "no reading has a label: there is nothing to train on" in texts(survey, Weight.STOPS)
    assert "<html" in render_report([survey], 20)


def test_a_class_without_a_reading_stops_training_and_the_labels_are_named(tmp_path: Path) -> None:
    survey = surveyed(write_table(tmp_path / "data.parquet", recording_columns(labels=("sit", "Tai chi"))))
    (stop,) = [texts(survey, Weight.STOPS, classes=("juggle", "run"))]
    assert stop == (
        "no reading has a label of the classes juggle, run; the labels are sit, tai_chi: there is nothing to train on"
    )


def test_the_page_lists_the_own_words_of_each_wearer_with_their_seconds(tmp_path: Path) -> None:
    one = recording_columns("anna", labels=("sit", "walk", "Tai chi"))
    other = recording_columns("ben", labels=("sit", "bike", "tai-chi"))
    many = recording_columns("carl", labels=("sit", *(f"word{letter}" for letter in "abcdefghij")), seconds=11)
    page = render_report([surveyed(write_table(tmp_path / "data.parquet", one, other, many))], 20)
    table = page[page.index("Labels that are none of the classes") :]
    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>\s*<td>(.*?)</td>\s*<td>(.*?)</td>", table)
    assert rows[:2] == [
        ("tai_chi", "own word", "2,000", "40.0", "anna 20.0, ben 20.0"),
        ("bike", "known activity", "1,000", "20.0", "ben 20.0"),
    ]
    assert len(rows) == 12, "the table lists every word, also those that the pictures leave out"


def test_the_page_holds_its_pictures_and_escapes_names(tmp_path: Path) -> None:
    one = recording_columns("<b>u01</b>", labels=("sit", "<i>juggle</i>"))
    one["t"] = [t if t < 30 else t + 90 for t in one["t"]]
    path = write_table(tmp_path / "one.parquet", one)
    (tmp_path / HHAR_FILE).write_text(hhar_text(hhar_lines()))
    page = render_report([surveyed(path), surveyed(tmp_path / HHAR_FILE)], 20)
    pictures = re.findall(r'<img src="data:image/[^"]+" alt="([^"]+)"', page)
    assert len(pictures) == 5 + 4  # the second has no gaps to draw
    assert page.count("<img") == len(pictures)
    assert "<p>None.</p>" in page
    assert "<b>u01" not in page
    assert "&lt;b&gt;u01" in page
    assert "CC BY 4.0" in page
    assert not re.search(r'(src|href)="http', page)  # no external resources


def test_command_writes_the_page_and_prints_the_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_table(tmp_path / "data.parquet", recording_columns(labels=("sit", "$Walk 太 {")))
    output = tmp_path / "reports/page.html"
    assert run(ReportSettings(data=[path], output=output, rate_hz=100)) == 0
    output_text, told = capsys.readouterr()
    assert told.startswith(f"{path}:\n  format ")
    for fact in ("3,000 readings from ", "rate 50 Hz", "1 user: u01", "sit (1,500 readings)"):
        assert fact in told
        assert fact in output.read_text("utf-8")
    assert "good to know: data.parquet: 1,500 readings have a label that is none of the classes" in output_text
    assert f"{output}: 3,000 readings" in output_text
    assert "$walk_太_{ (30 s)" in output.read_text()
    assert "the data set states 100 Hz" in output_text


def test_full_disk_leaves_the_existing_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_table(tmp_path / "Übung.parquet", recording_columns())
    output = tmp_path / "page.html"
    assert run(ReportSettings(data=[path], output=output, quiet=True)) == 0
    assert capsys.readouterr().err == ""
    before = output.read_bytes()
    assert "Übung" in before.decode("utf-8")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, usual[1]))  # no file may grow further
    try:
        assert run(ReportSettings(data=[path], output=output)) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert "har data report: " in capsys.readouterr().err
    assert output.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["page.html", "Übung.parquet"]


def test_unreadable_data_set_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ReportSettings(data=[tmp_path / "absent.parquet"], output=tmp_path / "page.html")) == 2
    assert "har data report: " in capsys.readouterr().err
    columns = recording_columns()
    del columns["z"]
    path = write_table(tmp_path / "data.parquet", columns)
    assert run(ReportSettings(data=[path], output=tmp_path / "page.html")) == 2
    assert "do not tell the axes" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


@pytest.mark.recordings
def test_the_report_of_a_real_data_set(shared_data: Path) -> None:
    survey = surveyed(shared_data / "pocket_6_users.parquet")
    assert len(survey.users) == 6
    assert set(survey.labels) == {"walk", "stairsup", "stairsdown", "sit", "stand", "null"}
    assert texts(survey, Weight.STOPS) == ""
    assert "exactly zero on all axes" in texts(survey, Weight.NOTES)
    assert "A. Lien" in render_report([survey], 20)
