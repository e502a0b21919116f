"""Create a store: its keys and the first metadata of each role."""

from dataclasses import dataclass

from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.metadata import Role as RoleKeys

from model_store.repository.errors import StoreError
from model_store.repository.exclusive_writing import exclusive
from model_store.repository.roles import CHANNELS, DELEGATED, RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from model_store.repository.signed_state import (
    Edition,
    SignedState,
    Signing,
    metadata_name,
    read_state,
    sign,
    signers_of,
)
from model_store.repository.storage import Storage


@dataclass(frozen=True)
class RootKeys:
    """Number of root keys, and how many of them must sign a new root.

    Attributes
    ----------
    made : int
        Number of root keys to create, for different people to keep.
    needed : int
        Number of root keys that must sign a new root.
    """

    made: int = 1
    needed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.needed <= self.made:
            raise StoreError(f"{self.needed} of {self.made} root keys cannot be required: require 1 to {self.made}")


def create_store(storage: Storage, signing: Signing, root_keys: RootKeys | None = None) -> bytes:
    """Create keys and a store without releases.

    Parameters
    ----------
    storage : Storage
        Where to create the store.
    signing : Signing
        Names the folders for the keys.
    root_keys : RootKeys, optional
        Number of root keys; one if not given.

    Returns
    -------
    bytes
        The first root metadata. Every client needs it, obtained over a trusted channel.

    Raises
    ------
    StoreError
        If there is a store already.
    OSError
        If the store or a key cannot be written.
    """
    root_keys = root_keys or RootKeys()
    with exclusive(storage) as check_lease:
        if storage.exists(metadata_name(ROOT, 1)):  # the first root is written last
            raise StoreError(f"{storage.url} is a store already")
        edition = Edition(storage, signing, _initial_state(signing, root_keys), check_lease)
        for role in (TARGETS, RELEASES, CHANNELS):
            edition.change(role)
        root = edition.commit().root
        content = sign(root, signers_of(signing, root.signed, ROOT))
        storage.write(metadata_name(ROOT, root.signed.version), content)
        read_state(storage)
        return content


def _initial_state(signing: Signing, root_keys: RootKeys) -> SignedState:
    """Create the keys; return the root, and empty metadata of version 0 for the other roles."""
    keys, until = signing.keys, signing.clock() + signing.lifetimes.of(ROOT)
    root = Root(expires=until, consistent_snapshot=True)
    root.roles[ROOT] = RoleKeys([], root_keys.needed)
    for _ in range(root_keys.made):
        root.add_key(keys.make(ROOT).public_key, ROOT)
    for role in (TARGETS, SNAPSHOT, TIMESTAMP):
        root.add_key(keys.make(role).public_key, role)
    targets = Targets(delegations=Delegations({}, {}))
    assert targets.delegations is not None and targets.delegations.roles is not None
    for role, paths in DELEGATED.items():
        # Terminating: clients search no other role for these paths.
        targets.delegations.roles[role] = DelegatedRole(role, [], 1, terminating=True, paths=[paths])
        targets.add_key(keys.make(role).public_key, role)
    state = SignedState(
        Metadata(root),
        Metadata(targets),
        Metadata(Targets()),
        Metadata(Targets()),
        Metadata(Snapshot(meta={})),
        Metadata(Timestamp()),
    )
    for role in (TARGETS, RELEASES, CHANNELS, SNAPSHOT, TIMESTAMP):
        state.of(role).signed.version = 0  # an edition increments it
    return state
