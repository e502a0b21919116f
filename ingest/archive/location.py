"""An archive's location: a folder, which one process writes at a time, or a URL of object storage."""

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
#: Names that deltalake gives to unfinished files in a folder.
_UNFINISHED = re.compile(r".*#\d+")
#: Retries and time limits of the object storage client within one attempt to commit.
_RETRIES = {"max_retries": "3", "retry_timeout": "20s", "timeout": "30s", "connect_timeout": "5s"}


class _Added(msgspec.Struct):
    path: str


class _Action(msgspec.Struct):
    add: _Added | None = None


class Location:
    """The folder or URL of an archive.

    Parameters
    ----------
    archive : str
        A folder's path, or a URL such as ``s3://bucket/archive``. Credentials are read from the usual environment
        variables (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL`` and so on).
    """

    def __init__(self, archive: str) -> None:
        self.name = archive
        self.folder = None if "://" in archive else Path(archive)

    @property
    def options(self) -> dict[str, str]:
        """Storage options for deltalake."""
        return {} if self.folder is not None else dict(_RETRIES)

    def uri(self, table: str) -> str:
        """Return the path or URL of a table."""
        if self.folder is not None:
            return str(self.folder.absolute() / table)
        return f"{self.name.rstrip('/')}/{table}"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Lock a folder against other writers while the context is open; the lock ends with the process.

        Object storage has no locks. There a commit fails if another process committed since the table was read, and
        files that belong to no table are not removed at once, as another process may be about to commit them.

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
        """Flush a commit and its files to the disk; object storage needs no flush.

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
        """Remove unfinished files of killed writers; the caller must hold the lock.

        Returns
        -------
        int
            Number of removed files.
        """
        if self.folder is None:
            return 0  # object storage has no unfinished objects
        removed = 0
        for folder, _, names in os.walk(self.folder / table):
            for name in filter(_UNFINISHED.fullmatch, names):
                (Path(folder) / name).unlink(missing_ok=True)
                removed += 1
        return removed
