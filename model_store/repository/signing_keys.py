"""The private keys of a store's roles: one PEM file per key (Ed25519, PKCS #8); offline keys in a separate folder."""

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
    """The folders of the private keys.

    Attributes
    ----------
    online : Path
        Folder of the online keys.
    offline : Path or None
        Folder of the offline keys; None if they are not available, as on a server.
    passphrase : bytes or None
        Passphrase of the offline keys; None if they are not encrypted.
    """

    online: Path
    offline: Path | None = None
    passphrase: bytes | None = None

    def make(self, role: Role) -> CryptoSigner:
        """Create a key for a role and write it to its folder.

        Raises
        ------
        StoreError
            If the role signs offline and there is no folder for offline keys.
        OSError
            If the key cannot be written.
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
        """Return the signers of a role whose keys are available.

        Parameters
        ----------
        role : Role
            The role.
        keyids : list of str
            Ids of the role's valid keys.
        threshold : int
            Number of keys that must sign.

        Raises
        ------
        StoreError
            If fewer keys are available, or a key cannot be read.
        """
        folder = self._folder(role)
        paths = [folder / _file_name(role, keyid) for keyid in keyids]
        found = [self._load(path, keyid) for path, keyid in zip(paths, keyids, strict=True) if path.exists()]
        if len(found) < threshold:
            raise StoreError(
                f"{threshold} key(s) of the role {role} must sign, but {len(found)} are in {folder}; "
                f"expected: {', '.join(path.name for path in paths)}"
            )
        return found

    def remove(self, role: Role, keyid: str) -> None:
        """Delete a revoked key."""
        (self._folder(role) / _file_name(role, keyid)).unlink(missing_ok=True)

    def _folder(self, role: Role) -> Path:
        if role not in OFFLINE:
            return self.online
        if self.offline is None:
            raise StoreError(f"the role {role} signs offline: name the folder of its keys with --offline-keys")
        return self.offline

    def _load(self, path: Path, keyid: str) -> CryptoSigner:
        try:
            content = path.read_bytes()[:MAX_KEY_BYTES]
            plain = b"ENCRYPTED" not in content.split(b"\n", 1)[0]
            private = load_pem_private_key(content, None if plain else self.passphrase)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise StoreError(f"cannot read the key {path}: {error}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise StoreError(f"{path} is not an Ed25519 key")
        signer = CryptoSigner(private)
        if signer.public_key.keyid != keyid:
            raise StoreError(f"the key in {path} does not match the file's name")
        return signer


def _file_name(role: Role, keyid: str) -> str:
    return f"{role}-{keyid[:_SHOWN]}.pem"
