"""The reservation server, tested with TensorFlowOnSpark's own client."""

import os
import pickle
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tensorflowonspark import reservation

from trainer.distributed.reservations import MAX_MESSAGE_BYTES, ReservationServer, safe_reservations

NODE = {"executor_id": 0, "host": "127.0.0.1", "job_name": "chief", "task_index": 0, "port": 2222, "authkey": b"key"}


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFOS_SERVER_HOST", "127.0.0.1")


@pytest.fixture
def address(loopback: None) -> Iterator[tuple[str, int]]:
    with safe_reservations():
        yield reservation.Server(1).start()


def rejected(address: tuple[str, int], message: bytes) -> bool:
    with socket.create_connection(address, timeout=30) as attacker:
        attacker.sendall(message)
        return attacker.recv(1) == b""


def test_nodes_register_and_find_each_other(address):
    with closing(reservation.Client(address)) as client:
        assert client.register(NODE) == "OK"
        assert client.await_reservations() == [NODE]


class Program:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_a_message_that_would_run_code_is_rejected(address, tmp_path):
    mark = tmp_path / "ran"
    attack = pickle.dumps({"type": "REG", "data": Program(mark)})
    assert rejected(address, struct.pack(">I", len(attack)) + attack)
    assert not mark.exists()
    with closing(reservation.Client(address)) as client:
        assert client.register(NODE) == "OK"  # other clients are still served


def test_a_message_that_is_too_long_is_rejected(address):
    assert rejected(address, struct.pack(">I", MAX_MESSAGE_BYTES + 1))


def test_it_listens_only_on_the_address_of_the_nodes_and_during_training(loopback):
    with safe_reservations():
        server = reservation.Server(1)
        assert isinstance(server, ReservationServer)
        host, port = server.start()
        assert host == "127.0.0.1"
        socket.create_connection((host, port), timeout=5).close()
    with pytest.raises(OSError):
        socket.create_connection((host, port), timeout=5)
    assert reservation.Server is not ReservationServer


def test_it_can_be_stopped_while_a_client_disconnects(loopback):
    for _ in range(500):
        with safe_reservations():
            address = reservation.Server(1).start()
            with socket.create_connection(address, timeout=30) as leaving:
                leaving.sendall(b"\0")


def test_stopping_closes_connections_and_ends_its_thread(loopback):
    with safe_reservations():
        address = reservation.Server(1).start()
        silent = socket.create_connection(address, timeout=30)
        client = reservation.Client(address)
        assert client.register(NODE) == "OK"
    with silent, closing(client):
        assert silent.recv(1) == b""
        assert not [thread for thread in threading.enumerate() if thread.name == "reservations"]
