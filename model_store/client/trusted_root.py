"""The trusted root: root metadata that a client gets over a trusted channel, and with which verification starts."""

from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from har.release_documents import ReleaseError

MAX_BYTES = 65_536


def read_trusted_root(path: Path) -> bytes:
    """Read the trusted root from a file.

    Raises
    ------
    ReleaseError
        If the file cannot be read or is not root metadata.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ReleaseError(
            f"no trusted root at {path} ({error.strerror}): copy the trusted_root.json that `har store init` wrote, "
            "over a trusted channel, and pass its path with --trusted-root"
        ) from error
    check_trusted_root(content, str(path))
    return content


def check_trusted_root(content: bytes, what: str = "the trusted root") -> None:
    """Check that a document is root metadata. This does not show which store it belongs to.

    Raises
    ------
    ReleaseError
        If the document is not root metadata.
    """
    try:
        if len(content) <= MAX_BYTES:
            Metadata[Root].from_bytes(content).signed  # noqa: B018 - reading it checks that it can be decoded
            return
    except RepositoryError as error:
        raise ReleaseError(f"{what} is not root metadata of a store: {error}") from error
    raise ReleaseError(f"{what} is not root metadata of a store: it is larger than {MAX_BYTES} bytes")
