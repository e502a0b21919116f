"""The exit status of each command, and the reason that it gives. `docs/commands.md` lists them."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from deploy.cli import COMMANDS
from deploy.command_fields import is_subcommand
from deploy.ports import free_port
from deploy.stack import fetch_page
from model_store.repository.creation import create_store
from model_store.repository.signed_state import Signing
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import Storage
from tests.brokers import on_one_broker
from tests.command_line import CommandLine
from tests.documents import text_of
from tests.waiting import until

#: A gateway, store or Redis that does not answer.
NOBODY = "127.0.0.1:9"


def leaves() -> Iterator[str]:
    """Yield each command, or its subcommands if it has some."""
    for name, command in COMMANDS.items():
        fields = [field for field, info in command.settings.model_fields.items() if is_subcommand(info)]
        yield from (f"har {name} {field.replace('_', '-')}" for field in fields) if fields else [f"har {name}"]


def test_the_documents_list_the_exit_statuses_of_every_command():
    assert re.findall(r"^\| `(har [a-z -]+)` \|", text_of("docs/commands.md"), re.MULTILINE) == list(leaves())


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording of 1 s, which is too short for a window."""
    count = 50
    columns = {"user": ["a"] * count, "device": ["d"] * count, "model": ["m"] * count, "session": ["s"] * count}
    columns |= {"t": np.arange(count) * 20_000, **dict.fromkeys("xyz", np.zeros(count, np.float32))}
    pyarrow.parquet.write_table(pa.table({**columns, "gt": ["walk"] * count}), tmp_path / "short.parquet")
    return tmp_path / "short.parquet"


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        ("simulate --gateway ws://{nobody}/v1/samples --seconds 0.1 --finish-seconds 0", 1, "0 batches acknowledged"),
        ("simulate --gateway nonsense", 1, "nonsense"),
        ("replay {recording} --force --gateway ws://{nobody}/v1/samples --first-seconds 0.1", 1, "cannot connect to"),
        ("replay {none}.parquet", 2, "none.parquet"),
        ("replay {recording}", 2, "answers would be meaningless"),
        ("edge pull --device a --store-url http://{nobody} --trusted-root {root} --folder {none}", 1, "unreachable"),
        ("edge run --device a --trusted-root {none}", 1, "no trusted root"),
        ("edge bench --release {none}", 1, "no release at"),
        ("processor --release {none}", 1, "no release at"),
        ("demo --summary {none}/x.json", 2, "the folder for the summary does not exist"),
        ("store list --store {none}", 1, "is not a store"),
        ("store show x --store {store}", 1, "no release x"),
        ("store promote --store {store} --online-keys {keys}/online", 1, "no canary"),
        ("store rollback --store {store} --online-keys {keys}/online", 1, "points to no release"),
        ("store publish {none} --store {store}", 1, "no release at"),
        ("store serve --store {none}", 1, "is not a store"),
        ("store list --store {store}", 0, ""),
        ("devices list --registry sqlite:///{none}.sqlite3", 0, ""),
        ("devices revoke a --registry sqlite:///{none}.sqlite3", 1, "no device named a"),
        ("archive compact --archive {none}", 1, "is not an archive"),
        ("archive verify --archive {none}", 2, "is not an archive"),
        ("evaluate --data {recording}", 2, "answers would be meaningless"),
        ("evaluate --data {recording} --force", 2, "no window is labelled"),
        ("personalise a --store {none}", 1, "is not a store"),
        ("personalise a --store {store}", 1, "no release for a yet"),
        ("audit --release {none}", 2, "no release at"),
        ("audit --journals {none}", 2, "No such file"),
        ("dashboard --tls-certificate {none} --tls-key {none}", 1, "none: [Errno 2] No such file"),
        ("gateway --port 0 --bootstrap {unknown}", 1, "the host no-such-host.invalid is unknown"),
        ("processor --bootstrap {unknown}", 1, "the host no-such-host.invalid is unknown"),
        ("archive run --bootstrap {unknown} --metrics-port 0", 1, "the host no-such-host.invalid is unknown"),
        ("store serve --store {store} --bootstrap {unknown}", 1, "the host no-such-host.invalid is unknown"),
        ("audit --bootstrap {unknown}", 2, "the host no-such-host.invalid is unknown"),
        ("topics --bootstrap {unknown}", 1, "the host no-such-host.invalid is unknown"),
        ("topics --bootstrap kafka..invalid:9092", 1, "kafka..invalid cannot be the name of a host"),
        ("demo --bootstrap {unknown}", 1, "the host no-such-host.invalid is unknown"),
        ("store", 2, "a subcommand is missing: init, publish"),
        ("devices", 2, "a subcommand is missing: enrol, token"),
        ("gateway --log-level loud", 2, "--log-level"),
        ("processor --web-port 0", 2, "--web-port"),
    ],
)
def test_a_command_that_does_not_reach_its_purpose_gives_the_reason(
    words, status, reason, recording, tmp_path, monkeypatch, capsys
):
    storage, keys = Storage(str(tmp_path / "store")), tmp_path / "keys"
    root = tmp_path / "root.json"
    root.write_bytes(create_store(storage, Signing(Keyring(keys / "online", keys / "offline"))))
    known = {"recording": recording, "root": root, "store": tmp_path / "store", "keys": keys, "nobody": NOBODY}
    known["unknown"] = "no-such-host.invalid:9092"
    filled = [word.format(none=tmp_path / "none", **known) for word in words.split()]

    ran = CommandLine(monkeypatch, capsys).call(*filled)

    assert ran.status == status, ran.err
    if reason:
        assert reason in ran.err.splitlines()[-1]
        assert ran.err.splitlines()[-1].startswith(f"har {filled[0]}")


@pytest.mark.parametrize(
    ("words", "variables", "reason"),
    [
        (["gateway", "--foo", "--log-format", "json"], {}, "unrecognized arguments: --foo"),
        (["gateway", "--port", "x", "--log-format=json"], {}, "--port: "),
        (["gateway", "--port", "x"], {"HAR_GATEWAY_LOG_FORMAT": "json"}, "--port: "),
        (["dashboard", "--tls-certificate", "none", "--tls-key", "none", "--log-format", "json"], {}, "No such file"),
        (
            ["prepare", "--data", "none", "--output", "prepared", "--in-process", "--log-format=json"],
            {},
            "there is no such file",
        ),
    ],
)
async def test_with_json_a_failure_is_a_line_of_json(words, variables, reason, monkeypatch, tmp_path):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    program = [sys.executable, "-m", "deploy", *words]
    process = await asyncio.create_subprocess_exec(*program, stderr=asyncio.subprocess.PIPE, cwd=tmp_path)
    _, errors = await process.communicate()
    (line,) = map(json.loads, errors.splitlines())
    assert process.returncode in (1, 2)
    assert (line["service"], line["level"]) == (words[0], "ERROR")
    assert reason in line["message"]


@pytest.mark.slow
def test_a_processor_without_kafka_ends_within_15_s_with_one_line(tmp_path):
    program = [sys.executable, "-m", "deploy", "processor", "--bootstrap", NOBODY]
    ran = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"har processor: cannot reach Kafka with PLAINTEXT: {NOBODY}: nothing listens there; is Kafka running, and is "
        "--bootstrap right?\n"
    )


def test_an_archiver_whose_port_is_in_use_names_it(tmp_path, monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        words = ["--archive", str(tmp_path / "archive"), "--metrics-port", str(other.getsockname()[1])]
        ran = CommandLine(monkeypatch, capsys).call("archive", "run", *words)
    assert ran.status == 1
    assert f"cannot listen on 127.0.0.1:{words[-1]}" in ran.err
    assert "Set --metrics-port" in ran.err


class Service:
    """A service in a process of its own that logs JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, object]] = []
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.lines.append(json.loads(line))

    @property
    def started(self) -> list[dict[str, object]]:
        """The lines of the start."""
        return [line for line in self.lines if str(line["message"]).startswith("started: ")]


@on_one_broker
@pytest.mark.redis
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
async def test_every_service_logs_its_start_on_one_line_of_json_and_ends_with_0(number, broker, redis_url, tmp_path):
    page = free_port()
    kafka, redis = ["--bootstrap", broker.bootstrap], ["--redis-url", redis_url]
    store = tmp_path / "store"
    create_store(Storage(str(store)), Signing(Keyring(tmp_path / "keys" / "online", tmp_path / "keys" / "offline")))
    away = ["--store-url", f"http://{NOBODY}", "--trusted-root", str(tmp_path / "root.json")]
    (tmp_path / "root.json").write_bytes(next((store / "metadata").glob("1.root.json")).read_bytes())
    words = {
        "gateway": ["gateway", *kafka, *redis, "--port", "0"],
        "store": ["store", "serve", *kafka, *redis, "--port", "0", "--store", str(store)],
        "dashboard": ["dashboard", *redis, "--port", "0"],
        "archiver": ["archive", "run", *kafka, "--archive", str(tmp_path / "archive"), "--metrics-port", "0"],
        "processor": ["processor", *kafka, *redis, *away, "--web-port", str(page)],
    }
    services: dict[str, Service] = {}

    async def all_started() -> bool:
        with suppress(OSError):  # as a supervisor asks while the processor starts
            await asyncio.to_thread(fetch_page, f"http://127.0.0.1:{page}/ready")
        return all(service.started for service in services.values())

    for name, chosen in words.items():
        program = [sys.executable, "-m", "deploy", *chosen, "--log-format", "json"]
        process = await asyncio.create_subprocess_exec(*program, stderr=asyncio.subprocess.PIPE, cwd=tmp_path)
        services[name] = Service(process)
    try:
        await until(all_started, "all services to start", 90)
    finally:
        statuses = {}
        for name in reversed(services):  # one by one: a processor has 6 s to end
            services[name].process.send_signal(number)
            statuses[name] = await services[name].process.wait()
    await asyncio.gather(*(service.reading for service in services.values()))  # every line is JSON
    assert statuses == dict.fromkeys(words, 0)
    for name, service in services.items():
        (start,) = service.started
        assert start["service"] == name
        assert set(start["connected"]) == {
            *(["Kafka"] if "--bootstrap" in words[name] else []),
            *(["Redis"] if "--redis-url" in words[name] else []),
        }
        assert set(start["away"]) == ({"the store"} if name == "processor" else set())
        before = service.lines[: service.lines.index(start)]
        assert [line["message"] for line in before if line["level"] == "INFO"] == []
        assert [line["message"] for line in service.lines if line["level"] == "ERROR"] == []
        assert service.lines[-1]["message"] == "stopped"


@pytest.mark.redis
@pytest.mark.slow
async def test_a_demo_that_is_stopped_while_it_starts_ends_with_130(tmp_path):
    program = [sys.executable, "-m", "deploy", "demo", "--log-format", "json"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(*program, stderr=asyncio.subprocess.PIPE, env=environment)
    demo = Service(process)
    await until(lambda: demo.lines, "the first line", 90)  # a topic is created; no service runs yet
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), 60) == 130
    await demo.reading
    assert demo.lines[-1]["message"] == "stopped while the system was starting"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.redis
@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "is_stopped", "status", "reason"),
    [("0.1", False, 1, "no window was classified"), ("600", True, 130, "of 600 s")],
)
async def test_a_demo_without_a_window_and_one_that_is_stopped_early_give_the_reason(
    seconds, is_stopped, status, reason, tmp_path
):
    summary = tmp_path / "summary.json"
    words = ["demo", "--devices", "1", "--seconds", seconds, "--summary", str(summary)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async for line in process.stdout:
        if b"Dashboard:" in line and is_stopped:
            process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    errors = (await process.stderr.read()).decode()
    assert await process.wait() == status
    assert reason in errors.splitlines()[-1]
    assert " ERROR " not in errors
    assert json.loads(summary.read_text())["windows_missing"] == 0
