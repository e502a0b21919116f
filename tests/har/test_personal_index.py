"""The index of personal heads, and the announcements of its changes."""

import msgspec
import pytest

from har.channels import ChannelPointer, ReleaseAnnouncement, encode_announcement
from har.personal_index import (
    HEADS_KEPT,
    MAX_HEADS,
    HeadEntry,
    PersonalAnnouncement,
    PersonalIndex,
    decode_index,
    decode_news,
    device_id,
    encode_index,
    encode_personal_announcement,
    head_for,
)
from har.release_documents import ReleaseError
from tests.har.made_heads import identity_head


def entry(number=1, device="phone-1", **changes):
    return HeadEntry(**{"id": device_id(device), "number": number, "release": "tiny", "effective": 0} | changes)


def test_the_newest_head_in_effect_for_the_release_is_used():
    heads = [
        identity_head(number=1, effective=10),
        identity_head(number=3, effective=30, release="other"),
        identity_head(number=4, effective=40),
    ]
    assert [
        head.number if (head := head_for(heads, "tiny", arrived)) else None for arrived in (9, 10, 39, 40, None)
    ] == [None, 1, 1, 4, 4]
    assert head_for(heads, "other").number == 3
    assert head_for(heads, "a third") is None
    assert head_for([], "tiny", 100) is None


def test_the_largest_index_can_be_read():
    ids = sorted(f"{number:032x}" for number in range(MAX_HEADS))
    heads = [HeadEntry(each, 10**7 + at, "r" * 128, 2**51) for each in ids for at in range(HEADS_KEPT)]
    index = PersonalIndex(10**7 + HEADS_KEPT, heads)
    assert decode_index(encode_index(index)) == index


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (PersonalIndex(0, []), "numbered from 1"),
        (PersonalIndex(1, [entry(2)]), "not among the changes 1 to 1"),
        (PersonalIndex(1, [entry(0)]), "not among the changes"),
        (PersonalIndex(1, [entry(id="../x")]), "not the id of a device"),
        (PersonalIndex(1, [entry(release="../x")]), "release's name"),
        (PersonalIndex(2, [entry(2), entry(1)]), "by id and number"),
        (PersonalIndex(2, [entry(1), entry(1)]), "listed once"),
        (PersonalIndex(9, [entry(number) for number in range(1, HEADS_KEPT + 2)]), "newest personal heads of a device"),
        (PersonalIndex(1, [HeadEntry(f"{id:032x}", 1, "r", 0) for id in range(MAX_HEADS + 1)]), "1000 devices at most"),
        (PersonalIndex(1, [], schema=2), "upgrade har"),
    ],
)
def test_an_index_that_contradicts_itself_is_rejected(index, message):
    with pytest.raises(ReleaseError, match=message):
        decode_index(msgspec.json.encode(index))
    if index.schema == 1:
        with pytest.raises(ReleaseError, match=message):
            encode_index(index)


def test_readers_of_announcements_tell_the_two_kinds_apart():
    pointer = ChannelPointer(
        channel="stable",
        number=1,
        release="tiny",
        manifest_sha256="0" * 64,
        share=1.0,
        change="publish",
        reason='"personal": true',
        replaced=None,
        at="2026-11-30T00:00:00Z",
    )
    release = ReleaseAnnouncement(pointer=pointer, announced=1, effective=2)
    personal = PersonalAnnouncement(index=3, announced=1, effective=2)
    assert decode_news(encode_announcement(release)) == release
    assert decode_news(encode_personal_announcement(personal)) == personal


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{}",
        b"[]",
        b'{"personal": true, "schema": 1}',
        b'{"personal": false, "index": 1, "announced": 1, "effective": 1, "schema": 1}',
        b'{"personal": true, "index": 0, "announced": 1, "effective": 1, "schema": 1}',
        b'{"personal": true, "index": 1, "announced": 1, "effective": 1, "schema": 2}',
        b'{"personal": true, "index": 1, "announced": 1, "effective": 1, "schema": 1' + b" " * 2_000 + b"}",
        b"[" * 50_000,
        b"\xff",
    ],
)
def test_what_is_no_announcement_is_rejected(message):
    with pytest.raises(ReleaseError):
        decode_news(message)
