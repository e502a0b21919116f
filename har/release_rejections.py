"""`ReleaseRejected`: what a processor says when it does not take an update of its release, for people to see."""

import msgspec

MAX_BYTES = 8_192
MAX_CHARACTERS = 600


class ReleaseRejected(msgspec.Struct, frozen=True):
    """An update that a processor did not take. It is said again as often as the store is asked.

    Attributes
    ----------
    worker : str
        Which processor.
    serving : str
        What classifies on.
    reason : str
        Why, in a word or two (`model_store.client.errors`).
    detail : str
        Why, in a sentence.
    """

    worker: str
    serving: str
    reason: str
    detail: str


def encode_rejected(rejected: ReleaseRejected) -> bytes:
    """Encode as JSON; long texts are cut."""
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
        raise ValueError(f"{len(message)} bytes, at most {MAX_BYTES} are read")
    return msgspec.json.decode(message, type=ReleaseRejected)
