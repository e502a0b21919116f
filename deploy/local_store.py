"""A store of releases on this machine, made afresh, with the shipped release in it."""

from dataclasses import dataclass
from pathlib import Path

from model_store.release_folder import open_release
from model_store.repository.creation import create_store
from model_store.repository.publishing import publish
from model_store.repository.signed_state import Signing
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import Storage


@dataclass(frozen=True)
class LocalStore:
    """Where a store and its keys are.

    Attributes
    ----------
    folder : Path
        All of it is below this folder.
    options : tuple of str
        Further options of what serves it.
    """

    folder: Path
    options: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The store."""
        return str(self.folder / "store")

    @property
    def online_keys(self) -> Path:
        """The keys that publish."""
        return self.folder / "keys" / "online"

    @property
    def trusted_root(self) -> Path:
        """What clients trust."""
        return self.folder / "trusted_root.json"

    @property
    def signing(self) -> Signing:
        """What signs."""
        return Signing(Keyring(self.online_keys, self.folder / "keys" / "offline"))

    def make(self, release: str) -> None:
        """Make the store, and publish a release.

        Raises
        ------
        ReleaseError
            If the release cannot be used.
        OSError
            If the folder cannot be written.
        """
        storage = Storage(self.url)
        self.trusted_root.parent.mkdir(parents=True, exist_ok=True)
        self.trusted_root.write_bytes(create_store(storage, self.signing))
        publish(storage, self.signing, open_release(release).folder, reason="the release that the system began with")
