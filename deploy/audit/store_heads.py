"""Fetch the personal heads of a store for an audit."""

from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.audit.known_heads import Heads
from model_store.client.fetching import BoundedFetcher
from model_store.client.last_good import ClientFolder
from model_store.client.release_client import ReleaseClient
from model_store.client.trusted_root import read_trusted_root


def heads_of_store(url: str, trusted_root: Path, token: str | None = None) -> Heads:
    """Return the personal heads of all devices, verified as a processor verifies them.

    Parameters
    ----------
    url : str
        URL of the store.
    trusted_root : Path
        File with the store's root metadata.
    token : str or None
        Token that the store asks for.

    Raises
    ------
    ReleaseError
        If the trusted root cannot be read, or a download or a verification fails.
    """
    with TemporaryDirectory() as folder:
        root, fetcher = read_trusted_root(trusted_root), BoundedFetcher(token=token)
        return ReleaseClient(url, root, ClientFolder(Path(folder)), (), fetcher).pull_heads().heads
