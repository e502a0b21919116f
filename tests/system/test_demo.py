"""`har demo` as users run it."""

import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from deploy.ports import free_port
from tests.brokers import ApacheBroker
from tests.model_store.made_store import copied_release

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

DEMO = [sys.executable, "-m", "deploy", "demo"]


def test_an_unattended_run_misses_no_window_and_is_accurate_and_fast(tmp_path):
    summary_file = tmp_path / "out.json"
    run = subprocess.run(
        [*DEMO, "--seconds", "35", "--segment-seconds", "7", "--summary", str(summary_file)],
        capture_output=True, text=True, timeout=150,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert " ERROR " not in run.stderr
    summary = json.loads(summary_file.read_text())
    assert summary["devices"] == 8
    assert summary["batches_acknowledged"] > 300
    assert summary["windows_expected"] > 150
    assert (summary["windows_missing"], summary["windows_extra"]) == (0, 0)
    assert summary["windows_classified"] == summary["windows_expected"]
    assert summary["latency_ms"]["p99"] < 1_500
    # Unknown counts as wrong. Simulated wearers at rest sway less than real ones, and some are taken for a table.
    assert summary["accuracy"] >= 0.7
    assert set(summary["windows_by_activity"]) >= {"sit", "stand", "walk", "stairsup", "stairsdown"}
    for name, url in (("Dashboard", "http"), ("Redis", "redis")):
        assert re.search(rf"^  {name}: +{url}://127\.0\.0\.1:\d+/", run.stdout, re.MULTILINE)
    assert re.search(r"^  Kafka: +127\.0\.0\.1:\d+$", run.stdout, re.MULTILINE)


def test_ctrl_c_stops_everything_and_ports_in_use_are_avoided(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        taken = busy.getsockname()[1]
        temporary = {**os.environ, "TMPDIR": str(tmp_path)}
        words = ["--devices", "2", "--dashboard-port", str(taken)]
        demo = subprocess.Popen(
            [*DEMO, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=temporary
        )
        assert demo.stdout is not None
        url = next(line for line in demo.stdout if "Dashboard:" in line).split()[-1]
        assert f":{taken}/" not in url
        started = psutil.Process(demo.pid).children(recursive=True)
        assert len(started) >= 7  # Kafka, Redis, gateway, processor, dashboard and two phones
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
        demo.stdout.close()
        _, alive = psutil.wait_procs(started, timeout=5)
        assert alive == []
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1].rstrip("/"))))
        assert list(Path(tmp_path).iterdir()) == []


def test_a_running_kafka_is_used_and_its_old_messages_are_not_counted(apache_kafka, tmp_path):
    with ApacheBroker(apache_kafka) as kafka:
        for release in ("first", "second"):
            file = tmp_path / f"{release}.json"
            words = ["--devices", "2", "--seconds", "10", "--bootstrap", kafka.bootstrap, "--summary", str(file)]
            words += ["--release", str(copied_release(tmp_path, release))]
            ran = subprocess.run([*DEMO, *words], capture_output=True, text=True, timeout=100)
            assert ran.returncode == 0, ran.stderr[-6000:] + ran.stdout
            summary = json.loads(file.read_text())
            assert summary["windows_expected"] > 0  # few if the phones take long to start
            assert (summary["windows_missing"], summary["windows_extra"]) == (0, 0)
            assert summary["latency_ms"]["p99"] < 5_000
            assert summary["release"] == [release]
        assert apache_kafka.is_running(1)


def test_an_unreachable_kafka_stops_the_demo_with_the_reason():
    run = subprocess.run([*DEMO, "--bootstrap", f"127.0.0.1:{free_port()}"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) <= 2, run.stderr
    assert "nothing listens there; is Kafka running" in run.stderr


def test_a_missing_release_stops_the_demo_with_the_reason(tmp_path):
    began = time.monotonic()
    run = subprocess.run([*DEMO, "--release", str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert "no release at" in run.stderr
    assert time.monotonic() - began < 30


def test_phones_on_the_lan_connect_by_https_with_a_token(tmp_path):
    words = ["--lan", "--lan-address", "127.0.0.1", "--devices", "2", "--seconds", "14", "--archive", "archive"]
    demo = subprocess.Popen(
        [*DEMO, *words, "--summary", "out.json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if "har devices enrol" in line:
            break
    url = next(line.split()[-1] for line in lines if "Phone page:" in line)
    trust = ssl.create_default_context(cafile=tmp_path / ".har" / "local-authority" / "authority.pem")
    with urllib.request.urlopen(url, context=trust) as page:
        assert b"<title>" in page.read()
    origin = url.removesuffix("/phone/")
    with urllib.request.urlopen(f"{origin}/trust", context=trust) as page:
        trust_page = page.read().decode()
    fingerprint = next(line.split()[-1] for line in lines if "fingerprint" in line)
    assert fingerprint in trust_page
    with urllib.request.urlopen(f"{origin}/local-authority.crt", context=trust) as file:
        assert hashlib.sha256(file.read()).hexdigest() == fingerprint.replace(":", "").lower()
    with pytest.raises(urllib.error.HTTPError, match="499"):
        urllib.request.urlopen(urllib.request.Request(f"{origin}/v1/sensor-logger", b"{}"), context=trust)
    demo.stdout.read()
    assert demo.wait(90) == 0
    demo.stdout.close()
    summary = json.loads((tmp_path / "out.json").read_text())
    assert summary["windows_expected"] > 0  # few if the phones take long to start
    assert (summary["windows_missing"], summary["windows_extra"]) == (0, 0)
    assert list((tmp_path / "archive" / "samples").glob("day=*/*.parquet"))
