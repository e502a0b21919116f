"""A Redis server that a test may kill and start again."""

import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from deploy.embedded import find_redis_server
from tests.waiting import wait_for


@dataclass
class RedisServer:
    """A Redis server for one test, which can be killed and restarted with its data."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)
    #: Further options of the server.
    options: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        options += self.options
        self.process = subprocess.Popen(
            [str(find_redis_server()), "--port", str(self.port), "--dir", str(self.folder), *options],
            stdout=subprocess.DEVNULL,
        )
        with redis.Redis(port=self.port) as client:
            wait_for(lambda: self._answers(client), "redis-server to answer", 20, every=0.01)

    def _answers(self, client: redis.Redis) -> bool:
        with suppress(redis.ConnectionError):
            return bool(client.ping())
        assert self.process is not None
        assert self.process.poll() is None, "redis-server has ended"
        return False

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
