"""Read a store's signed metadata, and write its next edition.

``timestamp.json`` determines which metadata is current. All other metadata files have their version in their names, are
written first, and never change. So a change takes effect atomically, when ``timestamp.json`` is replaced.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from har.process.clock import utc_now
from model_store.layout import MAX_METADATA_BYTES, MAX_ROOTS, METADATA_FOLDER
from model_store.repository.errors import StoreError
from model_store.repository.exclusive_writing import LeaseCheck
from model_store.repository.roles import (
    CHANNELS,
    DELEGATED,
    RELEASES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Lifetimes,
    Role,
)
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import MissingFileError, Storage

S = TypeVar("S", Root, Timestamp, Snapshot, Targets)


@dataclass(frozen=True)
class Signing:
    """Keys, lifetimes and clock for signing.

    Attributes
    ----------
    keys : Keyring
        The private keys.
    lifetimes : Lifetimes
        Lifetimes of the signatures.
    clock : callable
        Returns the current time, UTC.
    """

    keys: Keyring
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    clock: Callable[[], datetime] = utc_now


@dataclass
class SignedState:
    """The metadata of all roles with verified signatures. It may be expired."""

    root: Metadata[Root]
    targets: Metadata[Targets]
    releases: Metadata[Targets]
    channels: Metadata[Targets]
    snapshot: Metadata[Snapshot]
    timestamp: Metadata[Timestamp]

    def of(self, role: Role) -> Metadata[Any]:
        """Return the metadata of a role."""
        found: Metadata[Any] = getattr(self, role)
        return found


def metadata_name(role: Role, version: int) -> str:
    """Return the file name of a version of a role's metadata."""
    return f"{METADATA_FOLDER}/{role}.json" if role == TIMESTAMP else f"{METADATA_FOLDER}/{version}.{role}.json"


def read_metadata(storage: Storage, role: Role, version: int, kind: type[S]) -> Metadata[S]:
    """Read a version of a role's metadata without verifying its signatures.

    Raises
    ------
    StoreError
        If it is missing, cannot be decoded, or is of another role or version.
    OSError
        If the storage fails.
    """
    name = metadata_name(role, version)
    try:
        found: Metadata[Any] = Metadata.from_bytes(storage.read(name, limit=MAX_METADATA_BYTES))
    except RepositoryError as error:
        raise StoreError(f"cannot decode the metadata {name} in {storage.url}: {error}") from error
    if not isinstance(found.signed, kind):
        raise StoreError(f"{name} in {storage.url} holds metadata of the role {found.signed.type}")
    if role != TIMESTAMP and found.signed.version != version:
        raise StoreError(f"{name} in {storage.url} holds version {found.signed.version}")
    return found


def newest_root(storage: Storage) -> Metadata[Root]:
    """Return the newest root metadata. Each version is verified with the previous one.

    Raises
    ------
    StoreError
        If there is no root, or a root is not signed with the keys of the previous root and its own.
    """
    try:
        root = read_metadata(storage, ROOT, 1, Root)
    except MissingFileError as error:
        raise StoreError(
            f"{storage.url} is not a store: run har store init first, or name another one with --store"
        ) from error
    _verify(root.signed, ROOT, root)
    for version in range(2, MAX_ROOTS + 1):
        try:
            following = read_metadata(storage, ROOT, version, Root)
        except MissingFileError:
            return root
        _verify(root.signed, ROOT, following)
        _verify(following.signed, ROOT, following)
        root = following
    return root


def read_state(storage: Storage) -> SignedState:
    """Read the current metadata of all roles and verify the signatures.

    Raises
    ------
    StoreError
        If metadata is missing, has invalid signatures, or has another version than listed.
    OSError
        If the storage fails.
    """
    root = newest_root(storage)
    timestamp = read_metadata(storage, TIMESTAMP, 0, Timestamp)
    _verify(root.signed, TIMESTAMP, timestamp)
    snapshot = read_metadata(storage, SNAPSHOT, timestamp.signed.snapshot_meta.version, Snapshot)
    _verify(root.signed, SNAPSHOT, snapshot)
    targets = read_metadata(storage, TARGETS, _listed(snapshot, TARGETS), Targets)
    _verify(root.signed, TARGETS, targets)
    releases = read_metadata(storage, RELEASES, _listed(snapshot, RELEASES), Targets)
    _verify(targets.signed, RELEASES, releases)
    channels = read_metadata(storage, CHANNELS, _listed(snapshot, CHANNELS), Targets)
    _verify(targets.signed, CHANNELS, channels)
    return SignedState(root, targets, releases, channels, snapshot, timestamp)


def _listed(snapshot: Metadata[Snapshot], role: Role) -> int:
    listed = snapshot.signed.meta.get(f"{role}.json")
    if listed is None:
        raise StoreError(f"snapshot {snapshot.signed.version} does not list {role}")
    return listed.version


def _verify(delegator: Root | Targets, role: Role, metadata: Metadata[Any]) -> None:
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError) as error:
        raise StoreError(f"the metadata of {role}, version {metadata.signed.version}: {error}") from error


class Edition:
    """The next edition of a store's metadata. Modify what `change` returns, then call `commit`.

    Parameters
    ----------
    storage : Storage
        The store. This must be its only writer.
    signing : Signing
        Keys and lifetimes.
    state : SignedState
        The current metadata. It is copied.
    check_lease : callable
        Raises `StoreError` if another process has become the writer.
    """

    def __init__(self, storage: Storage, signing: Signing, state: SignedState, check_lease: LeaseCheck) -> None:
        self._storage = storage
        self._signing = signing
        self._check_lease = check_lease
        self.state = deepcopy(state)
        self._changed: set[Role] = set()

    def change(self, role: Role) -> Any:  # noqa: ANN401 - the signed part, whose type depends on the role
        """Return the signed part of a role's metadata for modification. `commit` signs it again."""
        self._changed.add(role)
        return self.state.of(role).signed

    def commit(self) -> SignedState:
        """Sign and write the changed roles; return the new state.

        Raises
        ------
        StoreError
            If a key is missing, or another process has become the writer.
        OSError
            If the storage fails. The previous metadata then stays current.
        """
        if ROOT in self._changed:
            raise StoreError("an edition cannot change the root, as the keys of the previous root must sign it, too")
        for role in (TARGETS, RELEASES, CHANNELS):
            if role in self._changed:
                content = self._sign(role)
                self._storage.write(metadata_name(role, self.state.of(role).signed.version), content)
                self.state.snapshot.signed.meta[f"{role}.json"] = MetaFile.from_data(
                    self.state.of(role).signed.version, content, ["sha256"]
                )
                self._changed.add(SNAPSHOT)
        if SNAPSHOT in self._changed:
            content = self._sign(SNAPSHOT)
            version = self.state.snapshot.signed.version
            self._storage.write(metadata_name(SNAPSHOT, version), content)
            self.state.timestamp.signed.snapshot_meta = MetaFile.from_data(version, content, ["sha256"])
            self._changed.add(TIMESTAMP)
        if TIMESTAMP in self._changed:
            content = self._sign(TIMESTAMP)
            self._check_lease()
            self._storage.write(metadata_name(TIMESTAMP, 0), content)
        self._changed.clear()
        return self.state

    def _sign(self, role: Role) -> bytes:
        metadata = self.state.of(role)
        metadata.signed.version += 1
        metadata.signed.expires = self._signing.clock() + self._signing.lifetimes.of(role)
        delegator = self.state.targets.signed if role in DELEGATED else self.state.root.signed
        return sign(metadata, signers_of(self._signing, delegator, role))


def signers_of(signing: Signing, delegator: Root | Targets, role: Role) -> list[Signer]:
    """Return the signers of a role, as its delegating metadata requires.

    Raises
    ------
    StoreError
        If too few of the keys are available.
    """
    delegated = delegator.get_delegated_role(role)
    return list(signing.keys.signers(role, delegated.keyids, delegated.threshold))


def sign(metadata: Metadata[Any], signers: list[Signer]) -> bytes:
    """Replace the signatures of metadata; return the encoded metadata."""
    metadata.signatures.clear()
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()
