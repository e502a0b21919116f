"""The index of the personal heads in a store, and how a change of it is announced.

The store signs the index and each head (`har.personal_head`). The index names no device: it has a hash of each name.
The names are in the heads.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Literal

import msgspec

from har.channels import MAX_POINTER_BYTES, ReleaseAnnouncement, decode_announcement
from har.personal_head import PersonalHead
from har.release_documents import ReleaseError, decode_document, require_plain_name
from har.samples import UNDECODABLE

SCHEMA = 1
#: Most devices with personal heads in a store.
MAX_HEADS: Final = 1_000
#: How many of a device's heads the index keeps, the newest ones. Windows that arrived before the newest head took
#: effect get an earlier one when they are read again.
HEADS_KEPT: Final = 4
MAX_INDEX_BYTES = 1_048_576
MAX_ANNOUNCEMENT_BYTES = 1_024
_ID_DIGITS = 32
_ID = re.compile(rf"[0-9a-f]{{{_ID_DIGITS}}}")


class HeadEntry(msgspec.Struct, frozen=True):
    """A personal head in the index.

    Attributes
    ----------
    id : str
        `device_id` of the device.
    number : int
        Number of the head.
    release : str
        The release whose network it corrects.
    effective : int
        Arrival time at the gateway from which it applies in the stream, µs since the epoch.
    """

    id: str
    number: int
    release: str
    effective: int


class PersonalIndex(msgspec.Struct, frozen=True):
    """All personal heads of a store.

    Attributes
    ----------
    number : int
        Number of the change, from 1. It grows when a head is added or removed.
    heads : list of HeadEntry
        The heads, by id and then by number; at most `HEADS_KEPT` of a device, and at most `MAX_HEADS` devices.
    schema : int
        Version of this document.
    """

    number: int
    heads: list[HeadEntry]
    schema: int = SCHEMA


def device_id(device: str) -> str:
    """Return what stands for a device's name in the index: the first half of its SHA-256, hexadecimal.

    Examples
    --------
    >>> device_id("phone-1")
    'aba4c53b97d1fdaf1cc07d3fd6c94bd2'
    """
    return hashlib.sha256(device.encode()).hexdigest()[:_ID_DIGITS]


def head_for(heads: Sequence[PersonalHead], release: str, arrived: int | None = None) -> PersonalHead | None:
    """Return the head that corrects a release's answer for a window; None if the device has none.

    Parameters
    ----------
    heads : sequence of PersonalHead
        The heads of the window's device.
    release : str
        Name of the release.
    arrived : int, optional
        When the window's last reading arrived at the gateway, µs since the epoch. The newest head in effect then is
        returned; if not given, the newest one of all, as on the device itself.
    """
    usable = [head for head in heads if head.release == release and (arrived is None or head.effective <= arrived)]
    return max(usable, key=lambda head: head.number, default=None)


def encode_index(index: PersonalIndex) -> bytes:
    """Encode as JSON.

    Raises
    ------
    ReleaseError
        If the index contradicts itself.
    """
    _check(index)
    return msgspec.json.encode(index)


def decode_index(document: bytes) -> PersonalIndex:
    """Decode and check an index.

    Raises
    ------
    ReleaseError
        If it is too large, not an index, of an unknown schema, or contradicts itself.
    """
    index = decode_document(
        document,
        PersonalIndex,
        "index of personal heads",
        schema=SCHEMA,
        limit=MAX_INDEX_BYTES,
        if_older="personalise again",
    )
    _check(index)
    return index


def _check(index: PersonalIndex) -> None:
    for entry in index.heads:
        if not _ID.fullmatch(entry.id):
            raise ReleaseError(f"{entry.id!r} is not the id of a device: it has {_ID_DIGITS} hexadecimal digits")
        require_plain_name(entry.release, "a release's name")
        if not 1 <= entry.number <= index.number:
            raise ReleaseError(f"head {entry.number} is not among the changes 1 to {index.number}")
    if any((one.id, one.number) >= (other.id, other.number) for one, other in pairwise(index.heads)):
        raise ReleaseError("the personal heads must be listed once each, by id and number")
    counts = Counter(entry.id for entry in index.heads)
    if len(counts) > MAX_HEADS:
        raise ReleaseError(f"a store has personal heads of {MAX_HEADS} devices at most, not {len(counts)}")
    if max(counts.values(), default=0) > HEADS_KEPT:
        raise ReleaseError(f"a store keeps the {HEADS_KEPT} newest personal heads of a device, and no more")
    if index.number < 1:
        raise ReleaseError(f"the changes of the personal heads are numbered from 1, not {index.number}")


class PersonalAnnouncement(msgspec.Struct, frozen=True):
    """A notice that personal heads have changed. It is not signed: receivers ask the store and trust only its answer.

    Attributes
    ----------
    index : int
        Number of the index.
    announced : int
        When this message was sent, µs since the epoch.
    effective : int
        Arrival time at the gateway from which the newest change applies, µs since the epoch.
    personal : bool
        True. It tells this message from a `ReleaseAnnouncement`.
    schema : int
        Version of this message.
    """

    index: int
    announced: int
    effective: int
    personal: Literal[True] = True
    schema: int = SCHEMA


class _Kind(msgspec.Struct):
    personal: bool = False


def encode_personal_announcement(announcement: PersonalAnnouncement) -> bytes:
    """Encode as JSON."""
    return msgspec.json.encode(announcement)


def decode_news(message: bytes) -> ReleaseAnnouncement | PersonalAnnouncement:
    """Decode and check a message of the topic `model.releases`.

    Raises
    ------
    ReleaseError
        If it is too large, not an announcement, of an unknown schema, or contradicts itself.
    """
    if not _is_personal(message):
        return decode_announcement(message)
    announcement = decode_document(
        message,
        PersonalAnnouncement,
        "announcement of personal heads",
        schema=SCHEMA,
        limit=MAX_ANNOUNCEMENT_BYTES,
        if_older="announce it again",
    )
    if announcement.index < 1:
        raise ReleaseError(f"the changes of the personal heads are numbered from 1, not {announcement.index}")
    return announcement


def _is_personal(message: bytes) -> bool:
    try:
        return len(message) <= 2 * MAX_POINTER_BYTES and msgspec.json.decode(message, type=_Kind).personal
    except UNDECODABLE:
        return False
