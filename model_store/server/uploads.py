"""Uploaded files, named by their hash, until a release is published from them."""

import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

from har.release_documents import ReleaseError
from model_store.release_folder import MAX_ARTIFACT_BYTES

#: Limit for all uploaded files together, bytes.
MAX_WAITING_BYTES = 512 * 1024 * 1024
#: Uploaded files are deleted after this time, s.
KEEP_SECONDS = 3_600.0


class UploadError(ReleaseError):
    """An upload is rejected, or an uploaded file is missing."""


class Uploads:
    """A folder of uploaded files.

    Parameters
    ----------
    folder : Path
        The folder. It is created if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def receive(self, sha256: str, pieces: AsyncIterator[bytes]) -> int:
        """Receive a file; return its size, bytes.

        Parameters
        ----------
        sha256 : str
            SHA-256 of the file, hexadecimal.
        pieces : async iterator of bytes
            Content of the file.

        Raises
        ------
        UploadError
            If the file is too large, its hash differs, or all uploads together exceed their limit.
        OSError
            If the file cannot be written.
        """
        self._clear()
        room = min(MAX_ARTIFACT_BYTES, MAX_WAITING_BYTES - self._waiting())
        digest, size = hashlib.sha256(), 0
        part = self._folder / f".{secrets.token_hex(8)}.part"
        try:
            with part.open("wb") as file:
                async for piece in pieces:
                    size += len(piece)
                    if size > room:
                        raise UploadError(
                            f"the upload is too large: the limit is {MAX_ARTIFACT_BYTES} bytes for a file, "
                            f"{MAX_WAITING_BYTES} for all uploads together"
                        )
                    digest.update(piece)
                    file.write(piece)
            if digest.hexdigest() != sha256:
                raise UploadError(f"the SHA-256 of the {size} uploaded bytes is not {sha256}")
            part.replace(self._folder / sha256)
        finally:
            part.unlink(missing_ok=True)
        return size

    def assemble(self, files: dict[str, str], folder: Path) -> None:
        """Copy uploaded files to a release's folder.

        Parameters
        ----------
        files : dict of str to str
            SHA-256 of each file by its name.
        folder : Path
            An empty folder.

        Raises
        ------
        UploadError
            If a file was not uploaded.
        OSError
            If a file cannot be written.
        """
        for name, sha256 in files.items():
            try:
                content = (self._folder / sha256).read_bytes()
            except FileNotFoundError as error:
                raise UploadError(f"{name} was not uploaded: there is no {sha256}") from error
            (folder / name).write_bytes(content)

    def drop(self, digests: list[str]) -> None:
        """Delete files that were published."""
        for sha256 in digests:
            (self._folder / sha256).unlink(missing_ok=True)

    def _waiting(self) -> int:
        return sum(path.stat().st_size for path in self._folder.iterdir())

    def _clear(self) -> None:
        for path in self._folder.iterdir():
            if path.stat().st_mtime < time.time() - KEEP_SECONDS:
                path.unlink()
