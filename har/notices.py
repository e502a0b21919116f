"""Notices of processors for dashboards: what a processor cannot keep in Redis, and which release it rejected."""

from typing import TypeVar

import msgspec

MAX_CHARACTERS = 600
#: Room for every field at its limit, each character escaped.
MAX_BYTES = 16_384


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


Notice = TypeVar("Notice", LiveFault, ReleaseRejected)


def encode_notice(notice: LiveFault | ReleaseRejected) -> bytes:
    """Encode as JSON; texts of over `MAX_CHARACTERS` are truncated."""
    fields = msgspec.structs.asdict(notice)
    return msgspec.json.encode(
        {name: value[:MAX_CHARACTERS] if isinstance(value, str) else value for name, value in fields.items()}
    )


def decode_notice(message: bytes, kind: type[Notice]) -> Notice:
    """Decode JSON.

    Raises
    ------
    ValueError
        If it is too long or not of this type.
    """
    if len(message) > MAX_BYTES:
        raise ValueError(f"the notice has {len(message)} bytes; the limit is {MAX_BYTES}")
    return msgspec.json.decode(message, type=kind)
