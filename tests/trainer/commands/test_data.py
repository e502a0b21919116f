"""`har data` can be interrupted while it loads what a subcommand needs."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

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
        ("trainer.sources.fetching", ["fetch", "hhar", "--output", "FOLDER", "--url", "http://nowhere.invalid/x"]),
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
