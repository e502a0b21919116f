"""The signed metadata of a store: as it is, and the next edition of it.

What counts is what ``timestamp.json`` leads to. Every other file of metadata has its version in its name, is written
before, and is not changed after; so a change of the store happens when ``timestamp.json`` is replaced, or not at all.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from model_store.layout import MAX_METADATA_BYTES, MAX_ROOTS, METADATA_FOLDER
from model_store.repository.errors import StoreError
from model_store.repository.exclusive_writing import StillMine
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


def utc_now() -> datetime:
    """Return the time, in whole seconds as metadata has it."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Signing:
    """What is needed to sign.

    Attributes
    ----------
    keys : Keyring
        The private keys.
    lifetimes : Lifetimes
        For how long signatures count.
    clock : callable
        The time, UTC.
    """

    keys: Keyring
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    clock: Callable[[], datetime] = utc_now


@dataclass
class SignedState:
    """The metadata of all roles, each signed by whom it should be; expired or not."""

    root: Metadata[Root]
    targets: Metadata[Targets]
    releases: Metadata[Targets]
    channels: Metadata[Targets]
    snapshot: Metadata[Snapshot]
    timestamp: Metadata[Timestamp]

    def of(self, role: Role) -> Metadata[Any]:
        """Return a role's."""
        found: Metadata[Any] = getattr(self, role)
        return found


def metadata_name(role: Role, version: int) -> str:
    """Return the name of the file with a version of a role's metadata."""
    return f"{METADATA_FOLDER}/{role}.json" if role == TIMESTAMP else f"{METADATA_FOLDER}/{version}.{role}.json"


def read_metadata(storage: Storage, role: Role, version: int, kind: type[S]) -> Metadata[S]:
    """Read a version of a role's metadata, without looking at who signed it.

    Raises
    ------
    StoreError
        If it is not there, or is not that.
    OSError
        If the storage fails.
    """
    name = metadata_name(role, version)
    try:
        found: Metadata[Any] = Metadata.from_bytes(storage.read(name, limit=MAX_METADATA_BYTES))
    except RepositoryError as error:
        raise StoreError(f"{name} in {storage.url} is no metadata: {error}") from error
    if not isinstance(found.signed, kind):
        raise StoreError(f"{name} in {storage.url} is the metadata of {found.signed.type}")
    if role != TIMESTAMP and found.signed.version != version:
        raise StoreError(f"{name} in {storage.url} says that it is version {found.signed.version}")
    return found


def newest_root(storage: Storage) -> Metadata[Root]:
    """Return the newest root that the first one leads to.

    Raises
    ------
    StoreError
        If there is none, or one was not signed by the one before and by itself.
    """
    try:
        root = read_metadata(storage, ROOT, 1, Root)
    except MissingFileError as error:
        raise StoreError(f"{storage.url} is no store yet: run har store init") from error
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
    """Read what counts at present, and check who signed it.

    Raises
    ------
    StoreError
        If something is missing, was not signed by whom it should be, or is another version than it should be.
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
    """The next edition of a store's metadata: change what `change` gives, then `commit`.

    Parameters
    ----------
    storage : Storage
        The store, of which this is the only writer.
    signing : Signing
        Keys and lifetimes.
    state : SignedState
        What counts at present; it is not changed.
    still_mine : callable
        Raises if another has become the writer.
    """

    def __init__(self, storage: Storage, signing: Signing, state: SignedState, still_mine: StillMine) -> None:
        self._storage = storage
        self._signing = signing
        self._still_mine = still_mine
        self.state = deepcopy(state)
        self._changed: set[Role] = set()

    def change(self, role: Role) -> Any:  # noqa: ANN401 - the signed part, whose type depends on the role
        """Return the signed part of a role's metadata, to be changed."""
        self._changed.add(role)
        return self.state.of(role).signed

    def commit(self) -> SignedState:
        """Sign what was changed, and have it count; return it.

        Raises
        ------
        StoreError
            If a key is missing, or another has become the writer.
        OSError
            If the storage fails; what counted before then counts on.
        """
        if ROOT in self._changed:
            raise StoreError("a root is signed by the one before it, too: not here")
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
            self._still_mine()
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
    """Return what signs for a role, by the metadata of the role that says so.

    Raises
    ------
    StoreError
        If too few of the keys are here.
    """
    delegated = delegator.get_delegated_role(role)
    return list(signing.keys.signers(role, delegated.keyids, delegated.threshold))


def sign(metadata: Metadata[Any], signers: list[Signer]) -> bytes:
    """Sign metadata afresh; return it as it is written."""
    metadata.signatures.clear()
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()
