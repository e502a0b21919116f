"""`LiveFault`: the notice, for display, that a processor cannot keep the devices' latest predictions in Redis."""

import msgspec

MAX_BYTES = 4_096
MAX_CHARACTERS = 400


class LiveFault(msgspec.Struct, frozen=True):
    """A fault of what the dashboard shows, or its end.

    The processor repeats the notice at each attempt until one succeeds, and then says once that the fault has ended.

    Attributes
    ----------
    worker : str
        The processor, as ``host-pid``.
    since : int
        When the fault began, µs since the Unix epoch.
    detail : str
        What Redis said.
    ended : bool
        Whether the processor can keep the predictions again. Dashboards of older versions do not know this field, and
        show the notice until it expires.
    """

    worker: str
    since: int
    detail: str
    ended: bool = False


def encode_live_fault(fault: LiveFault) -> bytes:
    """Encode as JSON; texts of over `MAX_CHARACTERS` are truncated."""
    return msgspec.json.encode(
        LiveFault(fault.worker[:MAX_CHARACTERS], fault.since, fault.detail[:MAX_CHARACTERS], fault.ended),
    )


def decode_live_fault(message: bytes) -> LiveFault:
    """Decode JSON.

    Raises
    ------
    ValueError
        If it is too long or not of this type.
    """
    if len(message) > MAX_BYTES:
        raise ValueError(f"the notice has {len(message)} bytes; the limit is {MAX_BYTES}")
    return msgspec.json.decode(message, type=LiveFault)
