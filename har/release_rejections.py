"""`ReleaseRejected`: the notice, for display, that a processor rejected an update of its release."""

import msgspec

MAX_BYTES = 8_192
MAX_CHARACTERS = 600


class ReleaseRejected(msgspec.Struct, frozen=True):
    """A rejected update. The processor repeats the notice at each attempt until an update succeeds.

    Attributes
    ----------
    worker : str
        The processor, as ``host-pid``.
    serving : str
        The releases that stay in use.
    reason : str
        The reason's short name (`model_store.client.errors`).
    detail : str
        The reason in a sentence.
    """

    worker: str
    serving: str
    reason: str
    detail: str


def encode_rejected(rejected: ReleaseRejected) -> bytes:
    """Encode as JSON; texts of over `MAX_CHARACTERS` are truncated."""
    return msgspec.json.encode(
        ReleaseRejected(
            rejected.worker[:MAX_CHARACTERS],
            rejected.serving[:MAX_CHARACTERS],
            rejected.reason[:MAX_CHARACTERS],
            rejected.detail[:MAX_CHARACTERS],
        )
    )


def decode_rejected(message: bytes) -> ReleaseRejected:
    """Decode JSON.

    Raises
    ------
    ValueError
        If it is too long or not of this type.
    """
    if len(message) > MAX_BYTES:
        raise ValueError(f"the notice has {len(message)} bytes; the limit is {MAX_BYTES}")
    return msgspec.json.decode(message, type=ReleaseRejected)
