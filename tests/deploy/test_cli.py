import signal
import subprocess
import sys

import pytest

from deploy.cli import COMMANDS, main
from deploy.ports import free_port


def test_help_is_a_map_of_the_system(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"  {name} " in said for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_its_options(name, capsys):
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    assert f"har {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "usage"),
        (["dance"], "no command 'dance'"),
        (["gateway", "--host", "0.0.0.0"], "needs a token"),
        (["replay", "x.csv", "--speed", "0"], "--speed"),
        (["evaluate"], "--data"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(words, says, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert says in captured.out + captured.err


def test_a_missing_extra_is_named():
    program = "import sys; sys.modules['aiohttp'] = None; from deploy.cli import main; sys.exit(main(['gateway']))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 2
    assert "pip install 'har-stream[gateway]'" in run.stderr


@pytest.mark.parametrize(
    ("command", "forbidden"),
    [
        ("ingest.gateway.server", {"tensorflow", "faust", "onnxruntime", "pyarrow", "sqlalchemy"}),
        ("stream_processor.worker", {"tensorflow", "pyarrow", "pandas", "boto3"}),
        ("trainer.commands.evaluate", {"tensorflow"}),
        ("trainer.commands.prepare", {"tensorflow"}),
        ("ingest.senders.simulate", {"scipy", "pandas", "pyarrow", "kafka"}),
    ],
)
def test_a_service_loads_nothing_of_the_others(command, forbidden):
    program = f"import sys, {command}; print(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    assert not forbidden & set(run.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        pytest.param("pydantic", id="the command line"),
        pytest.param("faust", id="the service"),
        pytest.param("faust.web.drivers.aiohttp", id="what the service chooses"),
    ],
)
def test_an_interrupt_while_a_service_is_imported_is_not_forgotten(module):
    # Python drops exceptions in destructors and callbacks, and so the one that it makes of SIGINT.
    program = f"""
import os, signal, sys

class Destructor:
    def __del__(self):
        print("interrupting", flush=True)
        os.kill(os.getpid(), signal.SIGINT)

class Finder:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            Destructor()

sys.meta_path.insert(0, Finder())
from deploy.__main__ import main
sys.exit(main())
"""
    words = ["processor", "--bootstrap", f"127.0.0.1:{free_port()}", "--web-port", str(free_port())]
    run = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=60)
    assert run.stdout.startswith("interrupting")
    assert run.returncode == -signal.SIGINT
