"""`har edge` on the command line."""

import io
import json
import re
import resource
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from har.channels import STABLE
from har.predictions import decode_prediction
from har.recordings import COLUMNS
from har.upright_rule import UprightRule
from har.windowing import recording_windows
from tests.command_line import CommandLine
from tests.model_store.personal_store import publish_to
from tests.model_store.walking_network import WalkingNetwork

BEGIN = 1_700_000_000_000_000


@pytest.fixture
def known(client, tmp_path):
    """Options of `har edge` for the test's store."""
    root = tmp_path / "trusted_root.json"
    root.write_bytes(client.store.root)
    words = ["--store-url", client.server.url, "--trusted-root", str(root), "--device", "phone"]
    return [*words, "--folder", str(tmp_path / "edge")]


@pytest.fixture
def edge(known):
    """Runs `har edge` with the options for the test's store."""

    def call(*words: str, lines: list[str] | None = None, store: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deploy", "edge", *words, *(known if store else [])],
            input="\n".join(lines or []),
            capture_output=True,
            text=True,
            timeout=120,
        )

    return call


def readings(seconds: int) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    times = BEGIN + np.arange(seconds * 50) * 20_000
    return times, chance.normal([0, 0, 9.8], 2, (len(times), 3)).astype(np.float32)


def as_lines(times: np.ndarray, axes: np.ndarray) -> list[str]:
    return [f"{time},{x!r},{y!r},{z!r}" for time, (x, y, z) in zip(times.tolist(), axes.tolist(), strict=True)]


def test_readings_on_standard_input_become_predictions_on_standard_output(client, edge):
    client.store.publish("one")
    times, axes = readings(12)
    ran = edge("run", lines=["t,x,y,z", *as_lines(times, axes)])
    assert ran.returncode == 0, ran.stderr
    predictions = [decode_prediction(line.encode()) for line in ran.stdout.splitlines()]
    assert [each.start for each in predictions] == recording_windows(times, axes).starts.tolist()
    assert {(each.release, each.made_on, each.device) for each in predictions} == {("one", "device", "phone")}
    assert f"now classifying with one ({STABLE})" in ran.stderr


def test_a_recording_is_corrected_by_the_personal_head_and_the_log_says_so(
    client, known, tmp_path, monkeypatch, capsys, caplog
):
    client.store.publish("one")
    publish_to(client.store, "phone")
    times, axes = readings(10)
    path = tmp_path / "recording.csv"
    path.write_text("\n".join(["t,x,y,z", *as_lines(times, axes)]) + "\n")
    command = CommandLine(monkeypatch, capsys)
    with caplog.at_level("INFO"):
        ran = command.call("edge", "run", *known, "--recording", str(path))
    assert ran.status == 0
    assert {decode_prediction(line.encode()).personal for line in ran.out.splitlines()} == {1}
    assert f"now classifying with one ({STABLE}), corrected by personal head 1" in caplog.messages


def test_each_session_of_a_recording_has_an_upright_reference_of_its_own(client, known, tmp_path, monkeypatch, capsys):
    client.store.publish("one")
    monkeypatch.setattr(
        "model_store.edge.updates.LiteClassifier",
        lambda release, _: WalkingNetwork(release=release.manifest.release),
    )
    _, walking = readings(12)
    still = np.random.default_rng(1).normal(0, 0.05, (400, 3))
    leaning = (still + np.array([9.7, 0, 1.7])).astype(np.float32)  # 80 degrees from upright
    sessions = {"walked": np.concatenate([walking, leaning]), "later": leaning}
    rows = [",".join(COLUMNS)]
    for session, axes in sessions.items():
        rows += [f"u,phone,m,{session},{i / 50},{x},{y},{z},null" for i, (x, y, z) in enumerate(axes.tolist())]
    path = tmp_path / "recording.csv"
    path.write_text("\n".join(rows) + "\n")
    ran = CommandLine(monkeypatch, capsys).call("edge", "run", *known, "--recording", str(path))
    assert ran.status == 0
    made = [decode_prediction(line.encode()) for line in ran.out.splitlines()]
    last = {each.session.rpartition("/")[2]: each for each in made}
    assert last["walked"].lean == pytest.approx(np.cos(np.radians(80)), abs=0.05)
    assert last["walked"].activity == "sit"
    assert last["later"].lean is None


def test_invalid_lines_are_logged_counted_and_skipped(client, edge):
    client.store.publish("one")
    times, axes = readings(8)
    lines = as_lines(times, axes)
    bad = ["", "hello", "1,2,3", f"{BEGIN + 1_010_000},nan,0,9.8", lines[0], "9" * 5_000]
    ran = edge("run", lines=lines[:100] + bad + lines[100:])
    assert ran.returncode == 1
    assert "5 of 406 lines rejected" in ran.stderr
    for logged in ("line 102: expected t,x,y,z", "line 104: ", "line 105: its time is not later"):
        assert logged in ran.stderr
    assert len(ran.stdout.splitlines()) == len(recording_windows(times, axes).starts)


def test_of_many_invalid_lines_some_are_logged_and_the_others_counted(client, edge):
    client.store.publish("one")
    ran = edge("run", lines=["hello"] * 100)
    assert ran.returncode == 1
    logged = ran.stderr.count(": expected t,x,y,z")
    assert 0 < logged < 100
    assert logged + sum(map(int, re.findall(r"(\d+) more warnings like these", ran.stderr))) == 100
    assert "100 of 100 lines rejected" in ran.stderr


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_recording_is_classified_on_its_own_time_axis(client, edge, tmp_path, ending):
    client.store.publish("one")
    times, axes = readings(10)
    times = times - BEGIN
    path = tmp_path / f"recording.{ending}"
    if ending == "csv":
        path.write_text("\n".join(["t,x,y,z", *as_lines(times, axes)]) + "\n")
    else:
        columns = {"t": times, **dict(zip("xyz", axes.T, strict=True))}
        pyarrow.parquet.write_table(pa.table(columns), path)
    ran = edge("run", "--recording", str(path))
    assert ran.returncode == 0, ran.stderr
    starts = [decode_prediction(line.encode()).start for line in ran.stdout.splitlines()]
    assert starts == recording_windows(times, axes).starts.tolist()


def test_the_upright_reference_is_used_for_a_recording_as_for_readings_that_arrive(
    client, known, tmp_path, monkeypatch, capsys
):
    # Of each window is learned, so that the second one is judged by the first.
    rule = UprightRule(least_walk=1e-9, needed=1, doubted_after=1)
    client.store.publish_changed("one", upright=rule)
    times, axes = readings(10)
    path = tmp_path / "recording.csv"
    path.write_text("\n".join(["t,x,y,z", *as_lines(times, axes)]) + "\n")
    found = []
    for words in (["--recording", str(path)], []):
        monkeypatch.setattr("sys.stdin", io.StringIO(path.read_text()))
        ran = CommandLine(monkeypatch, capsys).call("edge", "run", *known, *words)
        made = [decode_prediction(line.encode()) for line in ran.out.splitlines()]
        found.append({each.start: (each.lean, each.probabilities, each.reference) for each in made})
    of_recording, of_readings = found
    assert {start: of_recording[start] for start in of_readings} == of_readings
    assert [lean is None for lean, _, _ in of_readings.values()] == [True, *[False] * (len(of_readings) - 1)]


def test_a_recording_of_a_slow_phone_is_unknown_and_the_log_says_why(
    client, known, tmp_path, monkeypatch, capsys, caplog
):
    client.store.publish("one")
    times, axes = readings(10)
    path = tmp_path / "slow.csv"
    path.write_text("\n".join(["t,x,y,z", *as_lines(times[::4], axes[::4])]) + "\n")
    with caplog.at_level("INFO"):
        ran = CommandLine(monkeypatch, capsys).call("edge", "run", *known, "--recording", str(path))
    assert ran.status == 0
    predictions = [decode_prediction(line.encode()) for line in ran.out.splitlines()]
    assert {(each.activity, each.reason) for each in predictions} == {("unknown", "sparse")}
    count = len(predictions)
    assert f"{count} windows of {path}; in {count} the readings tell too little: sparse ({count})" in caplog.messages


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, "No such file"),
        ("notes.txt", "hello", "must be a .csv or .parquet file"),
        ("less.csv", "t,x,y\n1,2,3\n", "no column z"),
        ("words.csv", "t,x,y,z\n1,2,3,four\n", "four"),
        ("short.csv", "t,x,y,z\n1,2,3\n", "line 2 has 3 fields"),
        ("broken.parquet", "PAR1", "broken.parquet"),
        ("brief.csv", "t,x,y,z\n1,2,3,4\n", "no session is long enough for a window"),
    ],
)
def test_invalid_recording_is_rejected(client, known, tmp_path, monkeypatch, capsys, name, content, message):
    client.store.publish("one")
    if content is not None:
        (tmp_path / name).write_text(content)
    ran = CommandLine(monkeypatch, capsys).call("edge", "run", *known, "--recording", str(tmp_path / name))
    assert ran.status == 1
    assert message in ran.err


@pytest.mark.parametrize(
    ("words", "seconds", "status", "reason"),
    [
        ([], 2, 1, "100 lines: too few readings for a window"),
        (["--report-to", "ws://127.0.0.1:9/v1/activities"], 6, 1, "1 not reported to ws://127.0.0.1:9"),
        (["--report-to", "ws://127.0.0.1:9/v1/activities", "--recording", "a.csv"], 2, 2, "without a recording only"),
    ],
)
def test_a_run_that_does_not_reach_its_purpose_reports_the_reason(
    client, known, monkeypatch, capsys, words, seconds, status, reason
):
    client.store.publish("one")
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(as_lines(*readings(seconds)))))
    ran = CommandLine(monkeypatch, capsys).call("edge", "run", *known, *words)
    assert ran.status == status, ran.err
    assert reason in ran.err.splitlines()[-1]


@pytest.mark.slow
def test_pull_fetches_the_release_for_later_runs(client, edge):
    client.store.publish("one")
    pulled = edge("pull")
    assert pulled.returncode == 0, pulled.stderr
    assert "now classifying with one (stable)" in pulled.stderr
    assert "up to date" in edge("pull").stderr
    client.server.change = lambda name, content: None
    rejected = edge("pull")
    assert rejected.returncode == 1
    assert "update rejected (unreachable)" in rejected.stderr
    times, axes = readings(6)
    ran = edge("run", lines=as_lines(times, axes))
    assert ran.returncode == 0, ran.stderr
    assert decode_prediction(ran.stdout.splitlines()[0].encode()).release == "one"


def test_run_without_a_release_reports_the_reason(client, edge):
    ran = edge("run", "--first-seconds", "0.5", lines=[])
    assert ran.returncode == 1
    assert "the store has no release yet" in ran.stderr


def test_bench_measures_time_and_memory(edge):
    taken = bytearray(500_000_000)  # memory of this process must not be counted
    taken[:: resource.getpagesize()] = b"x" * len(taken[:: resource.getpagesize()])
    ran = edge("bench", "--windows", "50", "--json", store=False)
    cost = json.loads(ran.stdout)
    assert cost["windows"] == 50
    assert 0 < cost["p50_ms"] <= cost["p95_ms"] <= cost["p99_ms"]
    assert 30 < cost["resident_mb"] < 400


def test_edge_client_imports_no_heavy_packages():
    heavy = ("tensorflow", "kafka", "aiokafka", "faust", "redis", "onnxruntime", "pyarrow", "fastapi", "scipy")
    code = (
        "import sys, model_store.edge.command;"
        f"print([name for name in {(*heavy, 'model_store.repository', 'model_store.server')} if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "copy the trusted_root.json"),
        ("hello", "is not root metadata of a store"),
        ("x" * 70_000, "is not root metadata of a store"),
    ],
)
def test_invalid_trusted_root_is_reported_with_a_remedy(client, edge, tmp_path, content, message):
    root = tmp_path / "trusted_root.json"
    root.unlink()
    if content is not None:
        root.write_text(content)
    ran = edge("run", lines=[])
    assert ran.returncode == 1
    assert message in ran.stderr
