"""The state of a store that counts at present, read again only when it has changed."""

import threading
from typing import NamedTuple

from har.channels import Channel, ChannelPointer
from model_store.layout import MAX_METADATA_BYTES
from model_store.repository.contents import pointers
from model_store.repository.roles import TIMESTAMP
from model_store.repository.signed_state import SignedState, metadata_name, read_state
from model_store.repository.storage import MissingFileError, Storage


class Seen(NamedTuple):
    """A store's metadata, and what its channels point to by them."""

    state: SignedState
    pointers: dict[Channel, ChannelPointer]


class CurrentState:
    """A store as it is.

    Parameters
    ----------
    storage : Storage
        The store.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._lock = threading.Lock()
        self._seen: Seen | None = None

    def look(self) -> Seen:
        """Return what counts now.

        Raises
        ------
        StoreError
            If it cannot be used.
        OSError
            If the storage fails.
        """
        with self._lock:
            if self._seen is None or self._timestamp() != self._seen.state.timestamp.to_bytes():
                state = read_state(self.storage)
                self._seen = Seen(state, pointers(self.storage, state))
            return self._seen

    def _timestamp(self) -> bytes | None:
        try:
            return self.storage.read(metadata_name(TIMESTAMP, 0), limit=MAX_METADATA_BYTES)
        except MissingFileError:
            return None
