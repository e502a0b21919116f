"""A shell that loads the script of `har completion` completes commands, options and values."""

import shutil
import subprocess

import pytest

from deploy.cli import main

_PRESS_TAB = """
source /dev/stdin <<< "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_shtab_har
echo "${COMPREPLY[*]}"
"""


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["gat"], "gateway"),
        (["train", "--epo"], "--epochs"),
        (["train", "--mode", ""], "local sync async"),
        (["data", ""], "fetch report simulate"),
        (["personalise", "--dry"], "--dry-run"),
        (["gateway", "--tls-key", "key"], "key.pem"),
    ],
)
def test_bash_completes(words, completed, capsys, tmp_path):
    bash = shutil.which("bash")
    assert bash
    (tmp_path / "key.pem").touch()
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    run = subprocess.run(
        [bash, "-c", _PRESS_TAB, "bash", script, "har", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == completed


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_have_a_script(shell, capsys):
    assert main(["completion", shell]) == 0
    assert "cross-validate" in capsys.readouterr().out
