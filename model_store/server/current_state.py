"""The current state of a store, cached until ``timestamp.json`` changes."""

import threading
from typing import NamedTuple

from har.channels import Channel, ChannelPointer
from har.personal_index import PersonalIndex
from model_store.layout import MAX_METADATA_BYTES
from model_store.repository.contents import pointers
from model_store.repository.personal_heads import read_index
from model_store.repository.roles import TIMESTAMP
from model_store.repository.signed_state import SignedState, metadata_name, read_state
from model_store.repository.storage import MissingFileError, Storage


class StoreContents(NamedTuple):
    """A store's metadata, the pointers of its channels, and its index of personal heads."""

    state: SignedState
    pointers: dict[Channel, ChannelPointer]
    personal: PersonalIndex


class CurrentState:
    """Cached access to the current state of a store. Thread-safe.

    Parameters
    ----------
    storage : Storage
        The store.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._lock = threading.Lock()
        self._contents: StoreContents | None = None

    def look(self) -> StoreContents:
        """Return the current contents. Read them again if they have changed.

        Raises
        ------
        StoreError
            If the metadata is missing or its signatures are invalid.
        OSError
            If the storage fails.
        """
        with self._lock:
            if self._contents is None or self._timestamp() != self._contents.state.timestamp.to_bytes():
                state = read_state(self.storage)
                self._contents = StoreContents(state, pointers(self.storage, state), read_index(self.storage, state))
            return self._contents

    def _timestamp(self) -> bytes | None:
        try:
            return self.storage.read(metadata_name(TIMESTAMP, 0), limit=MAX_METADATA_BYTES)
        except MissingFileError:
            return None
