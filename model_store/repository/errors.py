"""The exception of the store."""

from har.release_documents import ReleaseError


class StoreError(ReleaseError):
    """A store cannot be read, or a change is rejected. The message states the reason and what to do."""
