"""`har data` on the command line."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from deploy.cli import main
from recording_files import find_source
from recording_files.known_data_sets import KNOWN_DATA_SETS, SIMULATED
from recording_files.loading import load_recordings
from tests.command_line import CommandLine
from tests.recording_files.made_files import hhar_archive, whole_hhar
from tests.trainer.public_data.file_server import serving
from trainer.public_data.published import PUBLISHED
from trainer.simulation.background import KINDS

#: Interrupts itself as soon as a module is looked for.
_INTERRUPTED = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

from deploy.cli import main
sys.meta_path.insert(0, Interrupting())
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("trainer.public_data.fetching", ["fetch", "hhar", "--output", "FOLDER", "--url", "http://nowhere.invalid/x"]),
        ("trainer.data_report.report", ["report", "--data", "FOLDER"]),
    ],
)
def test_an_interrupt_while_it_loads_ends_it_at_once(tmp_path: Path, module: str, words: list[str]) -> None:
    given = [str(tmp_path) if word == "FOLDER" else word for word in words]
    result = subprocess.run(
        [sys.executable, "-B", "-c", _INTERRUPTED, module, "data", *given],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == -signal.SIGINT
    assert result.stderr == ""


def test_a_data_set_is_fetched_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(PUBLISHED, "hhar", replace(PUBLISHED["hhar"], fewest_readings=1_000))
    har = CommandLine(monkeypatch, capsys)
    with serving(hhar_archive(whole_hhar())) as server:
        fetched = har.call("data", "fetch", "hhar", "--no-keep-null", "--url", server.url)
    assert fetched.status == 0, fetched.err
    assert "hhar.parquet: " in fetched.out
    assert set(pq.read_table(".har/data/hhar.parquet")["gt"].to_pylist()) == {"stand", "walk"}
    report = har.call("data", "report", "--data", "hhar", "--output", "report.html")
    assert report.status == 0, report.err
    assert "<h2" in Path("report.html").read_text("utf-8")


def test_simulated_background_is_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, again, other = (tmp_path / name for name in ("first.parquet", "again.parquet", "other.parquet"))
    words = ("--people", "2", "--seconds", "10")
    for file, seed in ((first, "1"), (again, "1"), (other, "2")):
        assert main(["data", "simulate", str(file), *words, "--seed", seed]) == 0
    assert "2 simulated minutes of 2 people: table, vehicle, phone_in_use, shaking, bike" in capsys.readouterr().out
    source = find_source(first)
    assert source.rate_hz == 50
    assert source.provenance() == [KNOWN_DATA_SETS[SIMULATED].data]
    recordings = load_recordings([first])
    assert {recording.person for recording in recordings} == {"simulated/s000", "simulated/s001"}
    assert {str(recording.labels[0]) for recording in recordings} == {kind.label for kind in KINDS}
    assert pq.read_table(first).equals(pq.read_table(again))
    assert not pq.read_table(first).equals(pq.read_table(other))
    for recording in recordings:
        strength = np.linalg.norm(recording.axes, axis=1)
        assert np.isfinite(strength).all()
        assert 8 < np.median(strength) < 20  # gravity is there
        assert (strength.std() < 0.5) == (recording.session == "table") or recording.session in (
            "vehicle",
            "phone_in_use",
        )


def test_simulated_background_that_cannot_be_written_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["data", "simulate", str(tmp_path / "file" / "x.parquet"), "--people", "1", "--seconds", "10"]) == 1
    assert "har data simulate: " in capsys.readouterr().err
