"""What a client begins with: a root of the store's, which came by a way that is trusted."""

from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from har.releases import ReleaseError

MAX_BYTES = 65_536


def read_trusted_root(path: Path) -> bytes:
    """Read a store's root.

    Raises
    ------
    ReleaseError
        If it cannot be read, or is none.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ReleaseError(
            f"no trusted root at {path} ({error.strerror}): bring the trusted_root.json that `har store init` made, by "
            "a way that is trusted, and name it with --trusted-root"
        ) from error
    check_trusted_root(content, str(path))
    return content


def check_trusted_root(content: bytes, what: str = "the trusted root") -> None:
    """Check that something is a root of a store; whose it is cannot be told from it.

    Raises
    ------
    ReleaseError
        If it is none.
    """
    try:
        if len(content) <= MAX_BYTES:
            Metadata[Root].from_bytes(content).signed  # noqa: B018 - it is read to see whether it can be
            return
    except RepositoryError as error:
        raise ReleaseError(f"{what} is no root of a store: {error}") from error
    raise ReleaseError(f"{what} is no root of a store: it has over {MAX_BYTES} bytes")
