"""Files on their way into the store: by their content, within limits, until a release is published of them."""

import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

from har.releases import ReleaseError
from model_store.release_folder import MAX_ARTIFACT_BYTES

#: All that waits to be published.
MAX_WAITING_BYTES = 512 * 1024 * 1024
#: What nobody published by then is removed.
KEEP_SECONDS = 3_600.0


class UploadError(ReleaseError):
    """A file that is not taken."""


class Uploads:
    """A folder of files that wait.

    Parameters
    ----------
    folder : Path
        It is made if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def take(self, sha256: str, pieces: AsyncIterator[bytes]) -> int:
        """Take a file; return its size.

        Parameters
        ----------
        sha256 : str
            Its digest, hexadecimal.
        pieces : async iterator of bytes
            Its content.

        Raises
        ------
        UploadError
            If it is too large, something else, or too much waits already.
        OSError
            If it cannot be written.
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
                            f"a file has {MAX_ARTIFACT_BYTES} bytes at most, all that wait {MAX_WAITING_BYTES} together"
                        )
                    digest.update(piece)
                    file.write(piece)
            if digest.hexdigest() != sha256:
                raise UploadError(f"these are {size} bytes of another SHA-256 than {sha256}")
            part.replace(self._folder / sha256)
        finally:
            part.unlink(missing_ok=True)
        return size

    def assemble(self, files: dict[str, str], folder: Path) -> None:
        """Make a release's folder of files that wait.

        Parameters
        ----------
        files : dict of str to str
            Digests by file name.
        folder : Path
            An empty one.

        Raises
        ------
        UploadError
            If one is not here.
        OSError
            If it cannot be written.
        """
        for name, sha256 in files.items():
            try:
                content = (self._folder / sha256).read_bytes()
            except FileNotFoundError as error:
                raise UploadError(f"{name} was not uploaded: there is no {sha256}") from error
            (folder / name).write_bytes(content)

    def drop(self, digests: list[str]) -> None:
        """Remove what was published."""
        for sha256 in digests:
            (self._folder / sha256).unlink(missing_ok=True)

    def _waiting(self) -> int:
        return sum(path.stat().st_size for path in self._folder.iterdir())

    def _clear(self) -> None:
        for path in self._folder.iterdir():
            if path.stat().st_mtime < time.time() - KEEP_SECONDS:
                path.unlink()
