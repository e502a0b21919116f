"""Replacing keys, and signing afresh what offline keys sign.

Whatever is cut short, clients find a store that they can follow: a root first lets the new key sign beside the old
one, what it signs is signed anew, and only then a further root ends the old key.
"""

from collections.abc import Callable
from copy import deepcopy

from tuf.api.metadata import Root, Targets

from model_store.repository.errors import StoreError
from model_store.repository.exclusive_writing import StillMine, exclusive
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
    """Replace a role's key by a new one; whatever only the old one signed counts no more.

    Parameters
    ----------
    storage : Storage
        The store.
    signing : Signing
        With the offline keys, and the online ones that sign what changes with them.
    role : Role
        Whose key.
    keyid : str, optional
        Which key, or the beginning of its id; needed if the role has several.

    Returns
    -------
    str
        The new key's id.

    Raises
    ------
    StoreError
        If a key is missing, or it is not clear which is meant.
    OSError
        If the store or the key cannot be written.
    """
    with exclusive(storage) as still_mine:
        state = read_state(storage)
        delegator: Root | Targets = state.targets.signed if role in DELEGATED else state.root.signed
        old = _chosen(delegator.get_delegated_role(role).keyids, role, keyid)
        new = signing.keys.make(role).public_key

        def replace(signed: Root | Targets) -> None:
            signed.add_key(new, role)
            signed.revoke_key(old, role)

        if role in DELEGATED:
            edition = Edition(storage, signing, state, still_mine)
            replace(edition.change(TARGETS))
            edition.change(role)
            edition.commit()
        elif role == ROOT:
            _write_root(storage, signing, state, replace)
        else:
            both = _write_root(storage, signing, state, lambda root: root.add_key(new, role))
            anew = _sign_afresh(storage, signing, both, role, still_mine)
            _write_root(storage, signing, anew, lambda root: root.revoke_key(old, role))
    signing.keys.remove(role, old)
    return new.keyid


def renew(storage: Storage, signing: Signing) -> None:
    """Sign root and targets afresh, before their signatures expire.

    Raises
    ------
    StoreError
        If a key is missing.
    OSError
        If the store cannot be written.
    """
    with exclusive(storage) as still_mine:
        state = _write_root(storage, signing, read_state(storage), lambda _: None)
        _sign_afresh(storage, signing, state, TARGETS, still_mine)


def _chosen(keyids: list[str], role: Role, wanted: str | None) -> str:
    found = [keyid for keyid in keyids if wanted is None or keyid.startswith(wanted)]
    if len(found) != 1:
        raise StoreError(f"which key of the role {role}? It has: {', '.join(keyids)}")
    return found[0]


def _write_root(storage: Storage, signing: Signing, state: SignedState, change: Callable[[Root], None]) -> SignedState:
    """Write the next root, signed by what the last one and it itself ask for."""
    following = deepcopy(state)
    root = following.root.signed
    change(root)
    root.version += 1
    root.expires = signing.clock() + signing.lifetimes.of(ROOT)
    signers = {
        signer.public_key.keyid: signer
        for asked in (state.root.signed, root)
        for signer in signers_of(signing, asked, ROOT)
    }
    storage.write(metadata_name(ROOT, root.version), sign(following.root, list(signers.values())))
    return following


def _sign_afresh(
    storage: Storage, signing: Signing, state: SignedState, role: Role, still_mine: StillMine
) -> SignedState:
    edition = Edition(storage, signing, state, still_mine)
    edition.change(role)
    return edition.commit()
