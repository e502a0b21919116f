"""Replace keys and renew the signatures of offline keys.

Clients can follow the store even if a rotation is interrupted: a new root first adds the new key beside the old one,
then the role's metadata is signed again, and only then another root revokes the old key.
"""

from collections.abc import Callable
from copy import deepcopy

from tuf.api.metadata import Root, Targets

from model_store.repository.errors import StoreError
from model_store.repository.exclusive_writing import LeaseCheck, exclusive
from model_store.repository.roles import DELEGATED, ROOT, TARGETS, Role
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


def rotate_key(storage: Storage, signing: Signing, role: Role, *, keyid: str | None = None) -> str:
    """Replace a role's key by a new one. Signatures of the old key are then no longer valid.

    Parameters
    ----------
    storage : Storage
        The store.
    signing : Signing
        The offline keys, and the online keys of the metadata that must be signed again.
    role : Role
        The role whose key is replaced.
    keyid : str, optional
        Id of the old key, or its beginning. Needed if the role has several keys.

    Returns
    -------
    str
        Id of the new key.

    Raises
    ------
    StoreError
        If a key is missing, or `keyid` does not identify one key.
    OSError
        If the store or the key cannot be written.
    """
    with exclusive(storage) as check_lease:
        state = read_state(storage)
        delegator: Root | Targets = state.targets.signed if role in DELEGATED else state.root.signed
        old = _find_key(delegator.get_delegated_role(role).keyids, role, keyid)
        new = signing.keys.make(role).public_key

        def replace(signed: Root | Targets) -> None:
            signed.add_key(new, role)
            signed.revoke_key(old, role)

        if role in DELEGATED:
            edition = Edition(storage, signing, state, check_lease)
            replace(edition.change(TARGETS))
            edition.change(role)
            edition.commit()
        elif role == ROOT:
            _write_root(storage, signing, state, replace)
        else:
            with_both = _write_root(storage, signing, state, lambda root: root.add_key(new, role))
            signed = _renew_role(storage, signing, with_both, role, check_lease)
            _write_root(storage, signing, signed, lambda root: root.revoke_key(old, role))
    signing.keys.remove(role, old)
    return new.keyid


def renew(storage: Storage, signing: Signing) -> None:
    """Renew the signatures of root and targets.

    Raises
    ------
    StoreError
        If a key is missing.
    OSError
        If the store cannot be written.
    """
    with exclusive(storage) as check_lease:
        state = _write_root(storage, signing, read_state(storage), lambda _: None)
        _renew_role(storage, signing, state, TARGETS, check_lease)


def _find_key(keyids: list[str], role: Role, prefix: str | None) -> str:
    found = [keyid for keyid in keyids if prefix is None or keyid.startswith(prefix)]
    if len(found) != 1:
        raise StoreError(f"name one key of the role {role} with --key; it has: {', '.join(keyids)}")
    return found[0]


def _write_root(storage: Storage, signing: Signing, state: SignedState, change: Callable[[Root], None]) -> SignedState:
    """Write the next root, signed with the keys that the previous root and the new one require."""
    following = deepcopy(state)
    root = following.root.signed
    change(root)
    root.version += 1
    root.expires = signing.clock() + signing.lifetimes.of(ROOT)
    signers = {
        signer.public_key.keyid: signer
        for delegator in (state.root.signed, root)
        for signer in signers_of(signing, delegator, ROOT)
    }
    storage.write(metadata_name(ROOT, root.version), sign(following.root, list(signers.values())))
    return following


def _renew_role(
    storage: Storage, signing: Signing, state: SignedState, role: Role, check_lease: LeaseCheck
) -> SignedState:
    edition = Edition(storage, signing, state, check_lease)
    edition.change(role)
    return edition.commit()
