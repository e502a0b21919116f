"""Each extra of the wheel, alone in an environment, brings all that its commands import."""

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cli import COMMANDS
from tests.deploy.wheels import ROOT, on_the_wheel, uv

pytestmark = [pytest.mark.slow, on_the_wheel]

BY_EXTRA: dict[str, list[str]] = {}
for _name, _command in COMMANDS.items():
    BY_EXTRA.setdefault(_command.extra, []).append(_name)
_IMPORT = "import sys, importlib; [importlib.import_module(name) for name in sys.argv[1:]]"


#: TensorFlow and Spark alone take a minute to install and import.
EXTRAS = [pytest.param(extra, marks=[pytest.mark.long] if extra == "trainer" else []) for extra in sorted(BY_EXTRA)]


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_commands_of_an_extra_start_with_nothing_else_installed(wheel: Path, tmp_path: Path, extra: str) -> None:
    environment = tmp_path / "environment"
    uv("venv", "--python", sys.executable, environment)
    wanted = f"har-stream[{extra}] @ {wheel.as_uri()}"
    constraints = ROOT / "requirements" / "all.txt"
    uv("pip", "install", "--python", environment / "bin" / "python", "--constraint", constraints, wanted)

    for name in BY_EXTRA[extra]:
        module = COMMANDS[name].entry.partition(":")[0]
        for words in (["bin/har", name, "--help"], ["bin/python", "-c", _IMPORT, module]):
            program, *arguments = words
            done = subprocess.run([environment / program, *arguments], capture_output=True, text=True, cwd=tmp_path)
            assert done.returncode == 0, f"har {name}: {done.stderr[-2_000:]}"
