"""`har prepare` reports why it cannot start."""

from pathlib import Path

import msgspec
import pytest

from deploy.cli import main
from tests.trainer.made_recordings import made_recording, write_recordings
from trainer.preparation.shards import read_index
from trainer.signal_bounds import TRAINED


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_recordings(tmp_path / "made.parquet", [made_recording()])


@pytest.mark.parametrize("name", [".", "..", "/", "../work"])
def test_the_current_folder_cannot_be_the_output(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert main(["prepare", "--data", str(data), "--output", name, "--in-process"]) == 1
    assert f"har prepare: --output {name} is or contains the current folder" in capsys.readouterr().err
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["made.parquet", "work"]


def test_bounds_of_the_signal_quality_are_recorded_in_the_folder(tmp_path: Path) -> None:
    slow = [made_recording(f"u{number:02}", rate_hz=12) for number in range(6)]
    data = write_recordings(tmp_path / "made.parquet", slow)
    output = tmp_path / "prepared"
    words = ["--classes", "sit", "--classes", "walk", "--signal-bounds", "lowest_rate_hz=10"]
    assert main(["prepare", "--data", str(data), "--output", str(output), "--in-process", *words]) == 0
    assert read_index(output).plan.signal_bounds == msgspec.structs.replace(TRAINED, lowest_rate_hz=10)


def test_an_unwritable_output_is_an_error(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = data / "prepared"  # below a file, where even root cannot write
    assert main(["prepare", "--data", str(data), "--output", str(output), "--in-process"]) == 1
    assert f"har prepare: cannot write the log beside {output}: " in capsys.readouterr().err
