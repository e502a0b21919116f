"""Channels: which release is for whom, and how a change is announced.

A channel points to a release. ``stable`` is for every device; ``canary`` is for a stated share of them, by a hash of
their names, so that each device stays on one side while the share stays what it is.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from har.releases import ReleaseError, decode_document, require_plain_name

SCHEMA = 1
MAX_POINTER_BYTES = 16_384
MAX_REASON_CHARACTERS = 1_000

Channel = Literal["stable", "canary"]
Change = Literal["publish", "promote", "rollback"]

STABLE: Final = "stable"
CANARY: Final = "canary"
CHANNELS: tuple[Channel, ...] = (STABLE, CANARY)


class ChannelPointer(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel points to, and why.

    Attributes
    ----------
    channel : {'stable', 'canary'}
        Which channel.
    number : int
        Grows with every change of the channel, also when it goes back to an earlier release.
    release : str or None
        The release's name; None if there is none: then a canary's devices get what is stable.
    manifest_sha256 : str or None
        Hexadecimal digest of the release's manifest.
    share : float
        Of the devices, above 0 to 1; what is stable is for all that no canary is for.
    change : {'publish', 'promote', 'rollback'}
        What brought it about.
    reason : str
        Why, in a sentence; may be empty.
    replaced : str or None
        What the channel pointed to before.
    at : str
        When, ISO 8601, UTC.
    schema : int
        Version of this document.
    """

    channel: Channel
    number: int
    release: str | None
    manifest_sha256: str | None
    share: float
    change: Change
    reason: str
    replaced: str | None
    at: str
    schema: int = SCHEMA


def encode_pointer(pointer: ChannelPointer) -> bytes:
    """Encode as readable JSON.

    Raises
    ------
    ReleaseError
        If the pointer contradicts itself.
    """
    _check(pointer)
    return msgspec.json.format(msgspec.json.encode(pointer), indent=2) + b"\n"


def decode_pointer(document: bytes) -> ChannelPointer:
    """Decode and check a pointer.

    Raises
    ------
    ReleaseError
        If it is too large, no pointer, of an unknown schema, or contradicts itself.
    """
    pointer = decode_document(
        document,
        ChannelPointer,
        "channel's pointer",
        schema=SCHEMA,
        limit=MAX_POINTER_BYTES,
        if_older="publish again",
    )
    _check(pointer)
    return pointer


def _check(pointer: ChannelPointer) -> None:
    if pointer.number < 1:
        raise ReleaseError(f"a channel's changes are numbered from 1, not {pointer.number}")
    if not 0 < pointer.share <= 1:  # NaN must fail too
        raise ReleaseError(f"a channel's share of the devices must be above 0 to 1, not {pointer.share}")
    if (pointer.release is None) != (pointer.manifest_sha256 is None):
        raise ReleaseError("a channel's pointer names both a release and its manifest's digest, or neither")
    if pointer.release is None and pointer.channel == STABLE:
        raise ReleaseError("what is stable is never withdrawn without another release in its place")
    if len(pointer.reason) > MAX_REASON_CHARACTERS:
        raise ReleaseError(f"a reason has {MAX_REASON_CHARACTERS} characters at most, not {len(pointer.reason)}")
    for name in (pointer.release, pointer.replaced):
        if name is not None:
            require_plain_name(name, "a release's name")


class ReleaseAnnouncement(msgspec.Struct, frozen=True, kw_only=True):
    """A hint that a channel has changed: it says what to ask the store for, and is believed in nothing else.

    Attributes
    ----------
    pointer : ChannelPointer
        What the channel points to now.
    announced : int
        When this was sent, µs since the epoch.
    effective : int
        What reaches the gateway from then on is for the new release, µs since the epoch: so all who classify switch
        at the same reading, and whoever reads it again later, too.
    schema : int
        Version of this message.
    """

    pointer: ChannelPointer
    announced: int
    effective: int
    schema: int = SCHEMA


def encode_announcement(announcement: ReleaseAnnouncement) -> bytes:
    """Encode as JSON."""
    return msgspec.json.encode(announcement)


def decode_announcement(message: bytes) -> ReleaseAnnouncement:
    """Decode and check an announcement.

    Raises
    ------
    ReleaseError
        If it is too large, none, of an unknown schema, or contradicts itself.
    """
    announcement = decode_document(
        message,
        ReleaseAnnouncement,
        "release's announcement",
        schema=SCHEMA,
        limit=2 * MAX_POINTER_BYTES,
        if_older="announce it again",
    )
    _check(announcement.pointer)
    return announcement


def is_canary(device: str, share: float) -> bool:
    """Tell whether a device is among the share of devices that get the canary.

    Parameters
    ----------
    device : str
        Its name.
    share : float
        From 0 to 1. A device that is among a share is among every larger one.

    Examples
    --------
    >>> is_canary("phone-1", 0.0), is_canary("phone-1", 1.0)
    (False, True)
    """
    digest = hashlib.sha256(device.encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def channel_of(device: str, pointers: Mapping[Channel, ChannelPointer]) -> Channel:
    """Return which channel a device gets its release from, by what the channels point to."""
    canary = pointers.get(CANARY)
    among = canary is not None and canary.release is not None and is_canary(device, canary.share)
    return CANARY if among else STABLE
