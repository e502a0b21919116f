"""The windows of data sets: where sessions begin, and what is left out."""

from pathlib import Path

import numpy as np
import pytest

from classify.windows import DataSetWindows, Session
from har.windowing import WindowSpec
from recording_files import find_source
from tests.classify.recorded_files import write_walk


def test_a_session_knows_its_file_and_beginning_and_gives_its_readings_away(tmp_path: Path) -> None:
    write_walk(tmp_path / "a.csv", 20, begin_s=100)
    write_walk(tmp_path / "b.csv", 10)
    taken: dict[Session, list[np.ndarray]] = {}
    windows = DataSetWindows(
        WindowSpec(), on_readings=lambda session, times, axes: taken.setdefault(session, []).append(times)
    )
    found = list(windows.cut(find_source(tmp_path).parts()))
    assert [(each.session.file.name, each.session.begin) for each in windows.sessions] == [
        ("a.csv", 100_000_000),
        ("b.csv", 0),
    ]
    assert {window.session for window in found} == set(taken)
    assert [sum(map(len, times)) for times in taken.values()] == [1000, 500]


def test_readings_without_a_value_are_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = write_walk(tmp_path / "a.csv", 40)
    lines = walk.read_text().splitlines()
    lines[1001] = "20.000,nan,1,2"
    walk.write_text("\n".join(lines) + "\n")
    windows = DataSetWindows(WindowSpec())
    found = list(windows.cut(find_source(walk).parts()))
    (session,) = windows.sessions
    assert session.broken == 1
    assert all(np.isfinite(window.window.values).all() for window in found)
    assert len(found) == 35
