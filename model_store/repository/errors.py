"""What goes wrong with a store."""

from har.releases import ReleaseError


class StoreError(ReleaseError):
    """A store that cannot be read, or an act that it rejects; the text says why and what to do."""
