"""Making a store: its keys, and the first metadata of each role."""

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
    """Of how many root keys how many must sign a new root.

    Attributes
    ----------
    made : int
        As many can be given to different people.
    needed : int
        As many have to come together.
    """

    made: int = 1
    needed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.needed <= self.made:
            raise StoreError(f"{self.needed} of {self.made} root keys cannot sign: from 1 to all of them can")


def create_store(storage: Storage, signing: Signing, root_keys: RootKeys | None = None) -> bytes:
    """Make keys and a store without releases.

    Parameters
    ----------
    storage : Storage
        Where to.
    signing : Signing
        Where the keys are written to.
    root_keys : RootKeys, optional
        One, if not given.

    Returns
    -------
    bytes
        The first root: what every client has to be given, by a way that is trusted.

    Raises
    ------
    StoreError
        If there is a store already.
    OSError
        If it, or a key, cannot be written.
    """
    root_keys = root_keys or RootKeys()
    with exclusive(storage) as still_mine:
        if storage.exists(metadata_name(ROOT, 1)):  # which is written last
            raise StoreError(f"{storage.url} is a store already")
        edition = Edition(storage, signing, _before_the_first(signing, root_keys), still_mine)
        for role in (TARGETS, RELEASES, CHANNELS):
            edition.change(role)
        root = edition.commit().root
        content = sign(root, signers_of(signing, root.signed, ROOT))
        storage.write(metadata_name(ROOT, root.signed.version), content)
        read_state(storage)
        return content


def _before_the_first(signing: Signing, root_keys: RootKeys) -> SignedState:
    """Return the root, and what the first edition of the other roles follows on."""
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
        # Terminating: nobody else is asked for what is theirs.
        targets.delegations.roles[role] = DelegatedRole(role, [], 1, terminating=True, paths=[paths])
        targets.add_key(keys.make(role).public_key, role)
    before = SignedState(
        Metadata(root),
        Metadata(targets),
        Metadata(Targets()),
        Metadata(Targets()),
        Metadata(Snapshot(meta={})),
        Metadata(Timestamp()),
    )
    for role in (TARGETS, RELEASES, CHANNELS, SNAPSHOT, TIMESTAMP):
        before.of(role).signed.version = 0  # an edition's is one more
    return before
