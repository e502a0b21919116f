"""Channels: which release each device gets, and how a change is announced.

A channel points to a release. ``canary`` covers a share of the devices and ``stable`` all others. A hash of the
device's name decides, so a device does not change sides while the share stays the same.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from har.release_documents import ReleaseError, decode_document, require_plain_name

SCHEMA = 1
MAX_POINTER_BYTES = 16_384
MAX_REASON_CHARACTERS = 1_000

Channel = Literal["stable", "canary"]
Change = Literal["publish", "promote", "rollback"]

STABLE: Final = "stable"
CANARY: Final = "canary"
CHANNELS: tuple[Channel, ...] = (STABLE, CANARY)


class ChannelPointer(msgspec.Struct, frozen=True, kw_only=True):
    """The release that a channel points to, and why.

    Attributes
    ----------
    channel : {'stable', 'canary'}
        The channel.
    number : int
        Number of the change, from 1. It grows with every change, also when the channel returns to an earlier release.
    release : str or None
        The release's name. None for a canary without a release; its devices get the stable release.
    manifest_sha256 : str or None
        Hexadecimal digest of the release's manifest; None if there is no release.
    share : float
        Share of the devices that a canary covers, above 0 to 1. Stable covers all other devices.
    change : {'publish', 'promote', 'rollback'}
        The kind of change.
    reason : str
        Why the channel changed, in a sentence; may be empty.
    replaced : str or None
        The release that the channel pointed to before; None if there was none.
    at : str
        When the channel changed, ISO 8601, UTC.
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
        If it is too large, not a pointer, of an unknown schema, or contradicts itself.
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
        raise ReleaseError("the stable channel must always point to a release; replace it by publishing another one")
    if len(pointer.reason) > MAX_REASON_CHARACTERS:
        raise ReleaseError(f"a reason has {MAX_REASON_CHARACTERS} characters at most, not {len(pointer.reason)}")
    for name in (pointer.release, pointer.replaced):
        if name is not None:
            require_plain_name(name, "a release's name")


class ReleaseAnnouncement(msgspec.Struct, frozen=True, kw_only=True):
    """A notice that a channel has changed. It is not signed: receivers ask the store and trust only its answer.

    Attributes
    ----------
    pointer : ChannelPointer
        What the channel points to now.
    announced : int
        When this message was sent, µs since the epoch.
    effective : int
        Arrival time at the gateway from which the new release applies, µs since the epoch. All processors switch at
        the same batch, also when they read it again later.
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
        If it is too large, not an announcement, of an unknown schema, or contradicts itself.
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
    """Return whether a device belongs to the share of devices that get the canary.

    Parameters
    ----------
    device : str
        The device's name.
    share : float
        From 0 to 1. A device in one share is also in every larger share.

    Examples
    --------
    >>> is_canary("phone-1", 0.0), is_canary("phone-1", 1.0)
    (False, True)
    """
    digest = hashlib.sha256(device.encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def channel_of(device: str, pointers: Mapping[Channel, ChannelPointer]) -> Channel:
    """Return the channel that serves a device, given what the channels point to."""
    canary = pointers.get(CANARY)
    is_covered = canary is not None and canary.release is not None and is_canary(device, canary.share)
    return CANARY if is_covered else STABLE
