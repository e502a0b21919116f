"""`har data` on the command line."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.command_line import CommandLine
from tests.recording_files.made_files import hhar_archive, whole_hhar
from tests.trainer.public_data.file_server import serving
from trainer.public_data.published import PUBLISHED

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
