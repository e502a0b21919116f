"""Add and remove the personal heads of devices.

Each change is one new edition of the signed metadata, as for a release. Only what a client may still be reading is
kept from earlier editions: a wearer whose device is forgotten must not leave heads behind.
"""

from datetime import datetime

import msgspec
from tuf.api.metadata import Targets

from har.channels import CHANNELS as CHANNEL_NAMES
from har.personal_head import MAX_HEAD_BYTES, PersonalHead, decode_head, encode_head
from har.personal_index import (
    HEADS_KEPT,
    MAX_HEADS,
    MAX_INDEX_BYTES,
    HeadEntry,
    PersonalIndex,
    decode_index,
    device_id,
    encode_index,
)
from har.time_units import MICROSECONDS
from model_store.layout import TARGETS_FOLDER, head_path, personal_index_path, pointer_path, target_name
from model_store.repository.contents import read_manifest, read_target
from model_store.repository.editing import Edit
from model_store.repository.errors import StoreError
from model_store.repository.exclusive_writing import exclusive
from model_store.repository.roles import CHANNELS
from model_store.repository.signed_state import SignedState, Signing, metadata_name, read_metadata
from model_store.repository.storage import MissingFileError, Storage

#: Time from the publication of a head until it takes effect in the stream, s. The server of the store must find it, and
#: all processors must load it, within this time.
LEAD_SECONDS = 5.0


def read_index(storage: Storage, state: SignedState) -> PersonalIndex:
    """Return the index of personal heads; number 0 and no heads if the store never had one.

    Raises
    ------
    StoreError
        If the index differs from what was signed.
    ReleaseError
        If it cannot be decoded or is invalid.
    """
    path = personal_index_path()
    target = state.channels.signed.targets.get(path)
    if target is None:
        return PersonalIndex(0, [])
    return decode_index(read_target(storage, path, target, MAX_INDEX_BYTES))


def read_head(storage: Storage, state: SignedState, entry: HeadEntry) -> PersonalHead:
    """Return a head that the index lists.

    Raises
    ------
    StoreError
        If it is missing, differs from what was signed, or is not the head that the index lists.
    ReleaseError
        If it cannot be decoded or is invalid.
    """
    path = head_path(entry.id, entry.number)
    target = state.channels.signed.targets.get(path)
    if target is None:
        raise StoreError(f"{storage.url} has not signed {path}, which its index lists")
    head = decode_head(read_target(storage, path, target, MAX_HEAD_BYTES))
    if HeadEntry(device_id(head.device), head.number, head.release, head.effective) != entry:
        raise StoreError(f"{path} in {storage.url} is not the head that the index lists")
    return head


def publish_head(
    storage: Storage, signing: Signing, head: PersonalHead, *, lead_seconds: float = LEAD_SECONDS
) -> PersonalHead:
    """Add a head for its device.

    Parameters
    ----------
    storage : Storage
        The store.
    signing : Signing
        The keys of the online roles.
    head : PersonalHead
        The head. Its number and its times are replaced.
    lead_seconds : float
        Time until the head takes effect in the stream, s.

    Returns
    -------
    PersonalHead
        The head as it was signed. Its number is that of the change of the index, so that no number is used twice, also
        after a device was forgotten.

    Raises
    ------
    StoreError
        If the store has not the head's release, the head does not fit it, or the store has heads of `MAX_HEADS` other
        devices.
    ReleaseError
        If the head contradicts itself.
    OSError
        If the store cannot be written. It is then unchanged.
    """
    with exclusive(storage) as check_lease:
        edit = Edit.begin(storage, signing, check_lease)
        _require_fit(storage, edit.state, head)
        index = read_index(storage, edit.state)
        now = signing.clock()
        head = msgspec.structs.replace(
            head, number=index.number + 1, made=now.isoformat(), effective=_after(now, lead_seconds)
        )
        entry = HeadEntry(device_id(head.device), head.number, head.release, head.effective)
        own = [*(each for each in index.heads if each.id == entry.id), entry]
        others = [each for each in index.heads if each.id != entry.id]
        if len({each.id for each in others}) >= MAX_HEADS:
            raise StoreError(
                f"{storage.url} has personal heads of {MAX_HEADS} devices, the most that a store keeps: forget a "
                "device first (har devices forget)"
            )
        edit.add_target(CHANNELS, head_path(entry.id, entry.number), encode_head(head))
        _commit(edit, PersonalIndex(head.number, others + own[-HEADS_KEPT:]), dropped=own[:-HEADS_KEPT])
    return head


def remove_heads(storage: Storage, signing: Signing, device: str) -> int:
    """Remove all heads of a device; return how many there were.

    Raises
    ------
    StoreError
        If the store cannot be read.
    OSError
        If the store cannot be written.
    """
    with exclusive(storage) as check_lease:
        edit = Edit.begin(storage, signing, check_lease)
        index = read_index(storage, edit.state)
        dropped = [entry for entry in index.heads if entry.id == device_id(device)]
        if dropped:
            left = [entry for entry in index.heads if entry.id != device_id(device)]
            _commit(edit, PersonalIndex(index.number + 1, left), dropped)
        else:
            _delete_unsigned(storage, edit.state.channels.signed, set())  # left by a call that was interrupted
    return len(dropped)


def _after(now: datetime, seconds: float) -> int:
    return round((now.timestamp() + seconds) * MICROSECONDS)


def _require_fit(storage: Storage, state: SignedState, head: PersonalHead) -> None:
    manifest = read_manifest(storage, state, head.release)
    if not head.fits(manifest.outputs, len(manifest.classes)):
        raise StoreError(
            f"the personal head corrects {head.outputs[: head.classes]} and {head.outputs[head.classes :]}; "
            f"{head.release} answers {manifest.classes} and {manifest.kinds}"
        )


def _commit(edit: Edit, index: PersonalIndex, dropped: list[HeadEntry]) -> None:
    """Sign an index without some heads; then delete what no client needs any more."""
    before = edit.state.channels.signed
    ordered = sorted(index.heads, key=lambda entry: (entry.id, entry.number))
    edit.add_target(CHANNELS, personal_index_path(), encode_index(PersonalIndex(index.number, ordered)))
    targets = edit.edition.change(CHANNELS).targets
    for entry in dropped:
        targets.pop(head_path(entry.id, entry.number), None)
    state = edit.edition.commit()
    # A client may be fetching the index of the edition before.
    _delete_unsigned(edit.storage, state.channels.signed, _files(before, personal_index_path()))
    _remove_superseded(edit.storage, before)


def _files(targets: Targets, *paths: str) -> set[str]:
    """Return the names of signed files: of some paths, or of all."""
    signed = targets.targets
    return {target_name(path, signed[path].hashes["sha256"]) for path in paths or signed if path in signed}


def _delete_unsigned(storage: Storage, targets: Targets, spared: set[str]) -> None:
    """Delete all files of heads and indexes that the metadata does not list, except some."""
    folder, index = personal_index_path().rsplit("/", 1)
    folder, kind = f"{TARGETS_FOLDER}/{folder}", f".{index.removesuffix('.json')}"
    kept = _files(targets) | spared
    for name in storage.names(folder):
        if kind in name and f"{folder}/{name}" not in kept:
            storage.remove(f"{folder}/{name}")


def _remove_superseded(storage: Storage, before: Targets) -> None:
    """Delete the metadata of two editions ago if the history of the channels does not need it.

    Each edition lists all heads, so that the metadata of all editions would grow with the square of their number.
    """
    try:
        older = read_metadata(storage, CHANNELS, before.version - 1, Targets).signed
    except MissingFileError:
        return
    pointers = [pointer_path(channel) for channel in CHANNEL_NAMES]
    if all(older.targets.get(path) == before.targets.get(path) for path in pointers):
        storage.remove(metadata_name(CHANNELS, older.version))
