"""A new store of releases on this machine that contains one release."""

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
    """The paths of a store and its keys.

    Attributes
    ----------
    folder : Path
        The folder that contains everything.
    options : tuple of str
        Further options of `har store serve`.
    """

    folder: Path
    options: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The store's folder, as an option of `har store`."""
        return str(self.folder / "store")

    @property
    def online_keys(self) -> Path:
        """The folder of the keys that publish."""
        return self.folder / "keys" / "online"

    @property
    def trusted_root(self) -> Path:
        """The file of the root metadata that clients trust."""
        return self.folder / "trusted_root.json"

    @property
    def signing(self) -> Signing:
        """The signing configuration, with both folders of keys."""
        return Signing(Keyring(self.online_keys, self.folder / "keys" / "offline"))

    def make(self, release: str) -> None:
        """Create the store, and publish a release in it.

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
        publish(storage, self.signing, open_release(release).folder, reason="the initial release")
