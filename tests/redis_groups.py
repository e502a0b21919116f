"""Redis as operators run it, on loopback: a master with a replica and Sentinels, a cluster, and TLS in front."""

import contextlib
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from deploy.embedded import find_redis_server
from deploy.ports import free_port
from tests.redis_server import RedisServer
from tests.waiting import wait_for

MASTER = "har"
#: The ports of a cluster's own traffic are 10,000 above those of its nodes.
HIGHEST_CLUSTER_PORT = 20_000
SLOTS = 16_384


@dataclass(frozen=True)
class SentinelGroup:
    """A master, its replica, and three Sentinels that agree by two."""

    master: RedisServer
    replica: RedisServer
    sentinels: tuple[int, ...]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"redis+sentinel://{hosts}/{MASTER}/0"

    def master_port(self) -> int:
        with redis.Redis(port=self.sentinels[0]) as sentinel:
            return int(sentinel.sentinel_get_master_addr_by_name(MASTER)[1])


@contextmanager
def sentinel_group(folder: Path) -> Iterator[SentinelGroup]:
    taken: set[int] = set()
    with ExitStack() as running:
        servers = []
        for name in ("master", "replica"):
            (folder / name).mkdir()
            servers.append(running.enter_context(RedisServer(free_port(taken=taken), folder / name)))
        master, replica = servers
        with redis.Redis(port=replica.port) as client:
            client.replicaof("127.0.0.1", master.port)
            wait_for(lambda: client.info()["master_link_status"] == "up", "the replica to be in step", 20)
        ports = tuple(free_port(taken=taken) for _ in range(3))
        for port in ports:
            running.enter_context(_sentinel(folder, port, master.port))
        for port in ports:
            wait_for(lambda port=port: _is_complete(port), "the Sentinels to know each other and the replica", 30)
        yield SentinelGroup(master, replica, ports)


@contextmanager
def _sentinel(folder: Path, port: int, master: int) -> Iterator[None]:
    file = folder / f"sentinel-{port}.conf"
    file.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor {MASTER} 127.0.0.1 {master} 2\n"
        f"sentinel down-after-milliseconds {MASTER} 1000\nsentinel failover-timeout {MASTER} 5000\n"
    )
    with _running([str(find_redis_server()), str(file), "--sentinel"]):
        yield


def _is_complete(port: int) -> bool:
    with contextlib.suppress(redis.RedisError), redis.Redis(port=port) as sentinel:
        state = sentinel.sentinel_master(MASTER)
        return bool(state["num-other-sentinels"] == 2 and state["num-slaves"] == 1)
    return False


@contextmanager
def cluster(folder: Path) -> Iterator[list[int]]:
    """Run a cluster of three masters; yield their ports."""
    taken: set[int] = set()
    with ExitStack() as running:
        ports = []
        while len(ports) < 3:
            port = free_port(HIGHEST_CLUSTER_PORT - 100 * len(taken), taken=taken)
            ports.append(port)
            (folder / str(port)).mkdir()
            options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--bind", "127.0.0.1"]
            program = [str(find_redis_server()), "--port", str(port), "--dir", str(folder / str(port)), *options]
            running.enter_context(_running([*program, "--save", ""]))
        clients = [running.enter_context(redis.Redis(port=port)) for port in ports]
        for number, client in enumerate(clients):
            wait_for(lambda client=client: _answers(client), "the node to answer", 20)
            client.execute_command("CLUSTER ADDSLOTS", *range(SLOTS * number // 3, SLOTS * (number + 1) // 3))
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for port in ports[1:]:
            clients[0].execute_command("CLUSTER MEET", "127.0.0.1", port)
        wait_for(lambda: all(_is_whole(client) for client in clients), "the cluster to be whole", 30)
        yield ports


def _answers(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.ConnectionError):
        return bool(client.ping())
    return False


def _is_whole(client: redis.Redis) -> bool:
    state = client.execute_command("CLUSTER INFO")
    return bool(state["cluster_state"] == "ok" and state["cluster_known_nodes"] == "3")


@contextmanager
def _running(command: list[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def tls_in_front(
    port: int, certificate: tuple[Path, Path], *, clients: Path | None = None, host: str = "127.0.0.1"
) -> Iterator[int]:
    """End TLS in front of a server on loopback, as stunnel does; yield the encrypted port.

    Parameters
    ----------
    port : int
        The server's port.
    certificate : tuple of Path
        The certificate and its key.
    clients : Path, optional
        The authority of the certificates that clients must present.
    host : str
        The address to listen on.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    threads: list[threading.Thread] = []
    with socket.create_server((host, 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=_relay, args=(peer, context, port)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()


def _relay(peer: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with (
        contextlib.suppress(OSError),
        peer,
        socket.create_connection(("127.0.0.1", port)) as server,
        context.wrap_socket(peer, server_side=True) as client,
    ):
        while True:
            ready = [client] if client.pending() else select.select([client, server], [], [])[0]
            for source in ready:
                data = source.recv(65_536)
                if not data:
                    return
                (server if source is client else client).sendall(data)
