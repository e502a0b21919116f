"""Where an archive is: a folder, which one process writes at a time, or a URL of object storage."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from har.process.whole_files import sync

LOCK = ".lock"
LOG = "_delta_log"
#: How the table's library names files that it has not finished, in a folder.
_UNFINISHED = re.compile(r".*#\d+")
#: How long writing to object storage is tried within one attempt.
_RETRIES = {"max_retries": "3", "retry_timeout": "20s", "timeout": "30s", "connect_timeout": "5s"}


class _Added(msgspec.Struct):
    path: str


class _Action(msgspec.Struct):
    add: _Added | None = None


class Location:
    """An archive's place.

    Parameters
    ----------
    archive : str
        A folder's path, or a URL such as ``s3://bucket/archive``; credentials are in the environment, under their usual
        names (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL`` and so on).
    """

    def __init__(self, archive: str) -> None:
        self.name = archive
        self.folder = None if "://" in archive else Path(archive)

    @property
    def options(self) -> dict[str, str]:
        """What the tables' library is told besides the place."""
        return {} if self.folder is not None else dict(_RETRIES)

    def uri(self, table: str) -> str:
        """Return where a table is."""
        if self.folder is not None:
            return str(self.folder.absolute() / table)
        return f"{self.name.rstrip('/')}/{table}"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let no other process write to the archive meanwhile, if it is a folder; the lock ends with its process.

        Object storage has no locks. There a commit only counts if nobody committed since its writer last looked, and no
        file is removed at once that is in no table: it may be one that another is about to commit.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        if self.folder is None:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOCK).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def make_durable(self, table: str, version: int) -> None:
        """Wait until a commit and its files are on the disk; object storage has them when it says so.

        Raises
        ------
        OSError
            If the disk fails.
        """
        if self.folder is None:
            return
        folder = self.folder / table
        entry = folder / LOG / f"{version:020}.json"
        actions = [msgspec.json.decode(line, type=_Action) for line in entry.read_bytes().splitlines()]
        added = [folder / action.add.path for action in actions if action.add is not None]
        for path in [*added, *{file.parent for file in added}, entry, entry.parent]:
            sync(path)

    def remove_unfinished(self, table: str) -> int:
        """Remove what writers that were killed had begun to write; only for who holds the lock.

        Returns
        -------
        int
            Files removed.
        """
        if self.folder is None:
            return 0  # an object is put whole
        removed = 0
        for folder, _, names in os.walk(self.folder / table):
            for name in filter(_UNFINISHED.fullmatch, names):
                (Path(folder) / name).unlink(missing_ok=True)
                removed += 1
        return removed
