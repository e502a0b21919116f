"""The private keys of a store's roles: a PEM file each (Ed25519, PKCS #8), offline ones in a folder of their own."""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from har.process.whole_files import sync
from model_store.repository.errors import StoreError
from model_store.repository.roles import OFFLINE, Role

MAX_KEY_BYTES = 16_384
_SHOWN = 16


@dataclass(frozen=True)
class Keyring:
    """Where private keys are.

    Attributes
    ----------
    online : Path
        The folder of the keys that sign unattended.
    offline : Path or None
        The folder of root's and targets' keys; None where they are not, as on a server.
    passphrase : bytes or None
        What the offline keys are encrypted with; they are not, if None.
    """

    online: Path
    offline: Path | None = None
    passphrase: bytes | None = None

    def make(self, role: Role) -> CryptoSigner:
        """Make a key for a role and write it.

        Raises
        ------
        StoreError
            If the role signs offline and there is no folder for that.
        OSError
            If it cannot be written.
        """
        private = Ed25519PrivateKey.generate()
        signer = CryptoSigner(private)
        encryption: KeySerializationEncryption = NoEncryption()
        if role in OFFLINE and self.passphrase is not None:
            encryption = BestAvailableEncryption(self.passphrase)
        content = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        folder = self._folder(role)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / _file_name(role, signer.public_key.keyid)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync(folder)
        return signer

    def signers(self, role: Role, keyids: list[str], threshold: int) -> list[CryptoSigner]:
        """Return what signs for a role: those of its keys that are here.

        Parameters
        ----------
        role : Role
            Which.
        keyids : list of str
            The keys that count, by the metadata.
        threshold : int
            How many must sign.

        Raises
        ------
        StoreError
            If too few of them are here, or one cannot be read.
        """
        folder = self._folder(role)
        paths = [folder / _file_name(role, keyid) for keyid in keyids]
        found = [self._load(path, keyid) for path, keyid in zip(paths, keyids, strict=True) if path.exists()]
        if len(found) < threshold:
            raise StoreError(
                f"{threshold} key(s) of the role {role} must sign, and {len(found)} are in {folder}; "
                f"expected: {', '.join(path.name for path in paths)}"
            )
        return found

    def remove(self, role: Role, keyid: str) -> None:
        """Remove a key that counts no more."""
        (self._folder(role) / _file_name(role, keyid)).unlink(missing_ok=True)

    def _folder(self, role: Role) -> Path:
        if role not in OFFLINE:
            return self.online
        if self.offline is None:
            raise StoreError(f"the role {role} signs offline: say where its keys are")
        return self.offline

    def _load(self, path: Path, keyid: str) -> CryptoSigner:
        try:
            content = path.read_bytes()[:MAX_KEY_BYTES]
            plain = b"ENCRYPTED" not in content.split(b"\n", 1)[0]
            private = load_pem_private_key(content, None if plain else self.passphrase)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise StoreError(f"{path} cannot be read: {error}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise StoreError(f"{path} is no Ed25519 key")
        signer = CryptoSigner(private)
        if signer.public_key.keyid != keyid:
            raise StoreError(f"{path} holds another key than its name says")
        return signer


def _file_name(role: Role, keyid: str) -> str:
    return f"{role}-{keyid[:_SHOWN]}.pem"
