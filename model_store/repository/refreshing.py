"""Signing afresh what would expire, as long as nothing else changes."""

from datetime import datetime

from model_store.repository.exclusive_writing import exclusive
from model_store.repository.roles import OFFLINE, ONLINE, ROLES, Role
from model_store.repository.signed_state import Edition, SignedState, Signing, read_state
from model_store.repository.storage import Storage


def due(state: SignedState, signing: Signing) -> list[Role]:
    """Return the online roles of whose signature's lifetime less than half is left."""
    now = signing.clock()
    return [role for role in ONLINE if state.of(role).signed.expires - now < signing.lifetimes.of(role) / 2]


def refresh(storage: Storage, signing: Signing) -> list[Role]:
    """Sign the online roles afresh that are due; return them.

    Raises
    ------
    StoreError
        If a key is missing, or the store cannot be read.
    OSError
        If the store cannot be written; it then stays what it is.
    """
    if not due(read_state(storage), signing):
        return []
    with exclusive(storage) as still_mine:
        state = read_state(storage)
        found = due(state, signing)
        edition = Edition(storage, signing, state, still_mine)
        for role in found:
            edition.change(role)
        edition.commit()
    return found


def expiries(state: SignedState) -> dict[Role, datetime]:
    """Return until when each role's signature counts."""
    return {role: state.of(role).signed.expires for role in ROLES}


def soon(state: SignedState, signing: Signing) -> list[Role]:
    """Return the offline roles that have to be signed by a person soon: a tenth of their lifetime is left."""
    now = signing.clock()
    return [role for role in OFFLINE if state.of(role).signed.expires - now < signing.lifetimes.of(role) / 10]
