"""The files of a store, in a folder or at any fsspec URL. Writes are atomic."""

from pathlib import Path
from typing import cast

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from har.process.whole_files import write_whole
from model_store.repository.errors import StoreError


class MissingFileError(StoreError):
    """A file is not in the store."""


class Storage:
    """Access to files by name. Names are relative paths with ``/``.

    Parameters
    ----------
    url : str
        Path of a folder, or a URL such as ``s3://bucket/store``. fsspec takes credentials from the environment.
    **options
        Further options of fsspec's file system.

    Raises
    ------
    StoreError
        If fsspec does not support the URL.
    """

    def __init__(self, url: str, **options: object) -> None:
        self.url = url
        try:
            self._files, self._base = url_to_fs(url, use_listings_cache=False, **options)
        except (ValueError, ImportError) as error:
            raise StoreError(f"{url} cannot be a store: {error}") from error
        self._base = self._base.rstrip("/")

    @property
    def folder(self) -> Path | None:
        """The local folder; None if the store is elsewhere."""
        return Path(self._base) if isinstance(self._files, LocalFileSystem) else None

    def read(self, name: str, *, limit: int) -> bytes:
        """Return the content of a file.

        Raises
        ------
        MissingFileError
            If there is no such file.
        StoreError
            If it is larger than `limit` bytes.
        OSError
            If the storage fails.
        """
        content = self.read_part(name, 0, limit + 1)
        if len(content) > limit:
            raise StoreError(f"{name} in {self.url} is larger than {limit} bytes")
        return content

    def read_part(self, name: str, begin: int, end: int) -> bytes:
        """Return the bytes of a file from offset `begin` up to `end` (exclusive) or the end of the file.

        Raises
        ------
        MissingFileError
            If there is no such file.
        OSError
            If the storage fails.
        """
        try:
            with self._files.open(self._path(name), "rb", cache_type="none") as file:
                file.seek(begin)
                return cast(bytes, file.read(end - begin))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise MissingFileError(f"there is no {name} in {self.url}") from error

    def size(self, name: str) -> int:
        """Return the size of a file, bytes.

        Raises
        ------
        MissingFileError
            If there is no such file.
        """
        try:
            found = self._files.info(self._path(name))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingFileError(f"there is no {name} in {self.url}") from error
        if found["type"] != "file":
            raise MissingFileError(f"{name} in {self.url} is not a file")
        return int(found["size"])

    def exists(self, name: str) -> bool:
        """Return whether there is such a file."""
        return bool(self._files.isfile(self._path(name)))

    def write(self, name: str, content: bytes) -> None:
        """Write or replace a file atomically.

        Raises
        ------
        OSError
            If it cannot be written. An existing file is then unchanged.
        """
        if self.folder is None:
            self._files.pipe_file(self._path(name), content)  # object storage replaces objects atomically
            return
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content, durable=True)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless it exists; return whether it was written."""
        if self.folder is not None:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            self._files.pipe_file(self._path(name), content, mode="create")
        except FileExistsError:
            return False
        return True

    def remove(self, name: str) -> None:
        """Delete a file if it exists."""
        if self.exists(name):
            self._files.rm_file(self._path(name))

    def names(self, folder: str) -> list[str]:
        """Return the sorted names of the files directly in a folder, without hidden ones."""
        try:
            found = self._files.ls(self._path(folder), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        names = [entry["name"].rstrip("/").rsplit("/", 1)[-1] for entry in found if entry["type"] == "file"]
        return sorted(name for name in names if name and not name.startswith("."))

    def all_names(self, folder: str) -> list[str]:
        """Return the sorted names of all files below a folder, relative to the store."""
        found = self._files.find(self._path(folder))
        return sorted(name.removeprefix(self._base).lstrip("/") for name in found)

    def _path(self, name: str) -> str:
        parts = name.split("/")
        if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
            raise MissingFileError(f"{name!r} is not a valid file name in a store")
        return f"{self._base}/{name}"
