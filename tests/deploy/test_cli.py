import re
import signal
import subprocess
import sys
from importlib.metadata import version

import pytest

from deploy.cli import COMMANDS, main, read_settings
from deploy.command_fields import is_subcommand, subcommand
from deploy.ports import free_port
from tests import brokers


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_lists_all_commands(words, capsys):
    assert main(words) == 0
    output = capsys.readouterr().out
    assert all(f"  {name} " in output for name in COMMANDS)


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_printed(option, capsys):
    assert main([option]) == 0
    assert capsys.readouterr().out.strip() == version("har-stream")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_its_options(name, capsys):
    help_text = _help([name, "--help"], capsys)
    assert help_text.startswith(f"usage: har {name} ")
    assert _help(["help", name], capsys) == help_text


def test_help_of_a_subcommand(capsys):
    help_text = _help(["help", "store", "publish"], capsys)
    assert help_text.startswith("usage: har store publish [OPTIONS] FOLDER")
    assert "--online-keys PATH" in help_text


@pytest.mark.parametrize(
    "words", [*([name] for name in COMMANDS), ["data", "fetch"], ["store", "serve"], ["edge", "run"]]
)
def test_help_shows_no_python_types(words, capsys):
    help_text = _help([*words, "--help"], capsys)
    assert not re.search(r"\(default: (None|False|)\)", help_text)
    values = re.findall(r"^  (?:-\S+, )*--[a-z-]+ (\S+)", help_text, re.MULTILINE)
    # Names of values are in capitals; a choice is in braces.
    assert [value for value in values if value.upper() != value and not value.startswith("{")] == []


def test_help_shows_one_form_of_a_boolean_and_accepts_both(capsys):
    help_text = _help(["data", "fetch", "--help"], capsys)
    assert "--no-keep-archive " in help_text
    assert " --keep-archive" not in help_text
    assert "--behind-proxy" in _help(["gateway", "--help"], capsys)
    assert "--no-behind-proxy" not in _help(["gateway", "--help"], capsys)
    assert read_settings("gateway", ["--behind-proxy"]).behind_proxy
    assert not read_settings("gateway", ["--no-behind-proxy"]).behind_proxy


@pytest.mark.parametrize("name", COMMANDS)
def test_every_setting_has_a_description(name):
    assert list(_undescribed(COMMANDS[name].settings)) == []


def test_help_lists_the_default_of_a_list_as_words(capsys):
    assert "sit, stand, walk" in " ".join(_help(["train", "--help"], capsys).split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "usage"),
        (["dance"], "unknown command 'dance'\n\nhar: real-time"),
        (["gatewy"], "unknown command 'gatewy', did you mean 'gateway'?"),
        (["help", "gatewy"], "did you mean 'gateway'?"),
        (["gateway", "--host", "0.0.0.0"], "needs a token"),
        (["gateway", "--tls-key", "x.pem"], "set both --tls-certificate and --tls-key, or neither"),
        (["archive", "run", "--archive", "x", "--kafka-user", "u"], "--kafka-user needs --kafka-protocol SASL_SSL"),
        (
            ["topics", "--kafka-protocol", "SSL", "--kafka-authority", "nowhere.pem"],
            "cannot be used: nowhere.pem: [Errno 2] No such file or directory",
        ),
        (["replay", "x.csv", "--speed", "0"], "--speed"),
        (
            ["replay", "x.csv", "--loop", "0"],
            "--loop: Input should be greater than or equal to 1, or Input should",
        ),
        (["evaluate"], "--data"),
        (["demo", "--devices", "0", "--summary", "x.json"], "at least one simulated phone"),
        (["completion", "dash"], "SHELL: Input should be 'bash', 'zsh' or 'tcsh'"),
        (["data", "fetch", "wisdm"], "NAME: Input should be 'hhar' or 'hapt'"),
    ],
)
def test_a_wrong_call_is_explained(words, message, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert message in captured.out + captured.err


def test_a_missing_extra_is_named():
    program = "import sys; sys.modules['aiohttp'] = None; from deploy.cli import main; sys.exit(main(['gateway']))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 2
    assert "pip install 'har-stream[gateway]'" in run.stderr


@pytest.mark.parametrize(
    ("command", "forbidden"),
    [
        ("ingest.gateway.command", {"tensorflow", "faust", "onnxruntime", "pyarrow", "sqlalchemy"}),
        (
            "stream_processor.worker",
            {"tensorflow", "pyarrow", "pandas", "tuf.ngclient", "securesystemslib.signer", "boto3"},
        ),
        ("deploy.cli", {"pyarrow", "onnxruntime", "tuf", "rich", "fsspec"}),  # whatever the extras are
        ("trainer.commands.evaluate", {"tensorflow"}),
        ("trainer.commands.personalise", {"tensorflow", "pandas", "fastapi"}),
        ("deploy.forgetting", {"tuf", "fsspec", "pyarrow"}),
        ("trainer.commands.prepare", {"tensorflow"}),
        ("ingest.senders.simulate", {"scipy", "pandas", "pyarrow", "kafka"}),
    ],
)
def test_a_service_does_not_import_what_others_need(command, forbidden):
    program = f"import sys, {command}; print(*sys.modules)"
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
from har_stream import main
sys.exit(main())
"""
    with brokers.EmbeddedBroker() as broker:
        words = ["processor", "--bootstrap", broker.bootstrap, "--web-port", str(free_port())]
        run = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=60)
    assert run.stdout.startswith("interrupting")
    assert run.returncode == -signal.SIGINT


def _undescribed(settings):
    for name, field in settings.model_fields.items():
        if not field.description:
            yield name
        if is_subcommand(field):
            yield from (f"{name} {inner}" for inner in _undescribed(subcommand(field)))


def _help(words, capsys):
    with pytest.raises(SystemExit) as exited:
        main(words)
    assert exited.value.code == 0
    return capsys.readouterr().out


def test_a_library_that_a_subcommand_misses_is_named(monkeypatch, capsys):
    for module in list(sys.modules):
        if module.startswith("trainer.data_report"):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["data", "report", "--data", "a.csv", "--output", "report.html"]) == 2
    assert "har data: jinja2 is not installed: pip install 'har-stream[trainer]'" in capsys.readouterr().err
