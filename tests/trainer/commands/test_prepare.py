"""`har prepare` says why it cannot begin."""

from pathlib import Path

import pytest

from deploy.cli import main
from tests.trainer.made_recordings import made_recording, write_recordings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_recordings(tmp_path / "made.parquet", [made_recording()])


@pytest.mark.parametrize("name", [".", "..", "/", "../work"])
def test_the_folder_one_is_in_cannot_be_made_anew(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert main(["prepare", "--data", str(data), "--output", name, "--in-process"]) == 1
    assert f"har prepare: --output {name} is the folder this runs in, or holds it" in capsys.readouterr().err
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["made.parquet", "work"]


def test_a_place_where_nothing_can_be_written_is_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = data / "prepared"  # below a file: also root, whom no right stops, cannot write there
    assert main(["prepare", "--data", str(data), "--output", str(output), "--in-process"]) == 1
    assert f"har prepare: the log beside {output} cannot be written: " in capsys.readouterr().err
