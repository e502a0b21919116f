"""Renew the signatures of online roles before they expire."""

from datetime import datetime

from model_store.repository.exclusive_writing import exclusive
from model_store.repository.roles import OFFLINE, ONLINE, ROLES, Role
from model_store.repository.signed_state import Edition, SignedState, Signing, read_state
from model_store.repository.storage import Storage


def due(state: SignedState, signing: Signing) -> list[Role]:
    """Return the online roles with less than half of their signature's lifetime left."""
    now = signing.clock()
    return [role for role in ONLINE if state.of(role).signed.expires - now < signing.lifetimes.of(role) / 2]


def refresh(storage: Storage, signing: Signing) -> list[Role]:
    """Renew the signatures of the online roles that are due; return these roles.

    Raises
    ------
    StoreError
        If a key is missing, or the store cannot be read.
    OSError
        If the store cannot be written. It is then unchanged.
    """
    if not due(read_state(storage), signing):
        return []
    with exclusive(storage) as check_lease:
        state = read_state(storage)
        roles = due(state, signing)
        edition = Edition(storage, signing, state, check_lease)
        for role in roles:
            edition.change(role)
        edition.commit()
    return roles


def expiries(state: SignedState) -> dict[Role, datetime]:
    """Return the expiry of each role's metadata."""
    return {role: state.of(role).signed.expires for role in ROLES}


def soon(state: SignedState, signing: Signing) -> list[Role]:
    """Return the offline roles with less than a tenth of their lifetime left. A person must renew them."""
    now = signing.clock()
    return [role for role in OFFLINE if state.of(role).signed.expires - now < signing.lifetimes.of(role) / 10]
