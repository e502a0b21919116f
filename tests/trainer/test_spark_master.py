"""A Spark master that cannot be used is told before Spark starts, and before anything is read."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest

from deploy.cli import main
from tests.trainer.made_recordings import made_recording, write_recordings
from trainer import spark_master
from trainer.settings import TrainSettings
from trainer.spark_master import fault_of_master, require_master


@pytest.mark.parametrize(
    ("master", "message"),
    [
        ("local", "local runs 1 tasks at a time, but 4 processes must run at once"),
        ("local[2]", "use local[4], or no --master"),
        ("local[3,5]", "runs 3 tasks at a time"),
        ("local-cluster[3,1,1024]", "has room for 3 executors with one core and 1024 MB each, but 4 are needed"),
        ("local-cluster[2,2,1024]", "has room for 2 executors"),
        ("spark://head", "'head' is not HOST:PORT, such as head:7077"),
        ("spark://a:7077,:1", "':1' is not HOST:PORT"),
        ("locl[4]", "'locl[4]' is not a Spark master: it must be local[N]"),
        ("http://head:8080", "is not a Spark master"),
    ],
)
def test_a_master_that_cannot_hold_the_nodes_or_is_none_is_a_wrong_call(master: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        TrainSettings(data=["x"], output="y", mode="async", executors=2, master=master)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "master",
    ["local[4]", "local[ 4 , 2 ]", "local-cluster[2,2,2048]", "spark://a:7077,[::1]:7078", "yarn", "k8s://https://a:1"],
)
def test_a_master_that_may_hold_the_nodes_is_accepted(master: str) -> None:
    TrainSettings(data=["x"], output="y", mode="async", executors=2, master=master)


def test_preparation_needs_no_executors_at_the_same_time() -> None:
    require_master("local[1]", 4, at_once=False)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address_of(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def answer_once(server: socket.socket, answer: bytes) -> Thread:
    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1024)
            connection.sendall(answer)

    serving = Thread(target=serve)
    serving.start()
    return serving


def test_a_master_that_hangs_is_told_after_its_time_limit(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert spark_master.CONNECT_SECONDS + spark_master.ANSWER_SECONDS < 30
    monkeypatch.setattr(spark_master, "ANSWER_SECONDS", 0.1)
    fault = fault_of_master(f"spark://{address_of(listener)}")
    assert fault == f"{address_of(listener)} accepts a connection but does not answer within 0.1 s"


def test_the_page_of_a_master_is_told_from_its_port(listener: socket.socket) -> None:
    serving = answer_once(listener, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    fault = fault_of_master(f"spark://{address_of(listener)}")
    serving.join()
    assert fault == f"{address_of(listener)} is a web server: a master's own port is 7077 by default"


def test_what_closes_the_connection_is_a_master_only_if_spark_may_expect_encryption(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("SPARK_CONF_DIR", "SPARK_HOME", "PYSPARK_SUBMIT_ARGS"):
        monkeypatch.delenv(place, raising=False)
    faults = []
    for _ in range(2):
        serving = answer_once(listener, b"")
        faults.append(fault_of_master(f"spark://{address_of(listener)}"))
        serving.join()
        monkeypatch.setenv("SPARK_CONF_DIR", "/etc/spark")
    assert faults == [f"{address_of(listener)} closes the connection without an answer, as no Spark master does", None]


def test_one_master_of_several_is_enough(listener: socket.socket) -> None:
    serving = answer_once(listener, b"\x00")
    fault = fault_of_master(f"spark://127.0.0.1:9,{address_of(listener)}")
    serving.join()
    assert fault is None


def test_each_master_that_does_not_answer_is_named() -> None:
    fault = fault_of_master("spark://127.0.0.1:9,no-such-host.invalid:7077")
    assert fault is not None
    first, second = fault.split("; ")
    assert first == "127.0.0.1:9: Connection refused"
    assert second.startswith("no-such-host.invalid:7077: ")


def test_a_dead_master_is_one_line_and_starts_no_spark(
    java: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert java
    data = write_recordings(tmp_path / "made.parquet", [made_recording()])
    words = ["prepare", "--data", str(data), "--output", str(tmp_path / "prepared")]
    began = monotonic()
    assert main([*words, "--master", "spark://127.0.0.1:9"]) == 1
    assert monotonic() - began < 30
    [line] = capfd.readouterr().err.splitlines()
    assert line == (
        "har prepare: no Spark master answers: 127.0.0.1:9: Connection refused. Start it, or correct --master"
    )


@pytest.mark.parametrize(
    ("words", "option"),
    [(["evaluate"], "--data"), (["prepare", "--output", "none"], "--data.1"), (["data", "report"], "--data.1")],
)
def test_a_url_is_refused_before_another_data_set_is_read(
    words: list[str], option: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1, and no more")
    data = ["--data", str(broken), "--data", "s3://bucket/walks"] if option != "--data" else ["--data", "hdfs://a/b"]
    assert main([*words, *data]) == 2
    error = capfd.readouterr().err
    assert f"{option}: {data[-1]} is a URL, which cannot be read: copy the data to this machine" in error
    assert "broken" not in error


def test_a_wrong_path_costs_no_start_of_spark(java: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert java
    words = ["prepare", "--data", str(tmp_path / "none.parquet"), "--output", str(tmp_path / "prepared")]
    assert main([*words, "--master", "spark://127.0.0.1:9"]) == 2  # the master would be found dead next
    assert "none.parquet cannot be read: there is no such file or folder" in capfd.readouterr().err
