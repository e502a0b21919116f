"""What a store holds: releases, and what its channels point to."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import TargetFile, Targets

from har.channels import CHANNELS as CHANNEL_NAMES
from har.channels import MAX_POINTER_BYTES, Channel, ChannelPointer, decode_pointer
from har.process.whole_files import write_whole
from har.releases import MAX_MANIFEST_BYTES, ReleaseManifest, decode_manifest, require_plain_name
from model_store.layout import pointer_path, release_path, target_name
from model_store.release_folder import MANIFEST, MAX_ARTIFACT_BYTES, ReleaseFolder, open_release
from model_store.repository.errors import StoreError
from model_store.repository.roles import CHANNELS
from model_store.repository.signed_state import SignedState, read_metadata
from model_store.repository.storage import MissingFileError, Storage


@dataclass(frozen=True)
class StoredFile:
    """A file of a release.

    Attributes
    ----------
    name : str
        Its file name.
    bytes : int
        Its size.
    sha256 : str
        Its digest, hexadecimal.
    """

    name: str
    bytes: int
    sha256: str


def read_target(storage: Storage, path: str, target: TargetFile, limit: int) -> bytes:
    """Read a target, and check that it is what was signed.

    Raises
    ------
    StoreError
        If it is missing, larger than `limit` bytes, or something else.
    OSError
        If the storage fails.
    """
    if target.length > limit:
        raise StoreError(f"{path} in {storage.url} has {target.length} bytes; {limit} at most")
    content = storage.read(target_name(path, target.hashes["sha256"]), limit=target.length)
    try:
        target.verify_length_and_hashes(content)
    except LengthOrHashMismatchError as error:
        raise StoreError(f"{path} in {storage.url} is not what was signed: {error}") from error
    return content


def release_names(state: SignedState) -> list[str]:
    """Return the names of all releases, sorted."""
    return sorted({path.split("/")[1] for path in state.releases.signed.targets})


def files_of(state: SignedState, release: str) -> list[StoredFile]:
    """Return the files of a release.

    Raises
    ------
    StoreError
        If the store has no such release.
    ReleaseError
        If a name must not be used.
    """
    begin = release_path(release, "")
    found = [
        StoredFile(path.removeprefix(begin), target.length, target.hashes["sha256"])
        for path, target in sorted(state.releases.signed.targets.items())
        if path.startswith(begin)
    ]
    if not found:
        have = ", ".join(release_names(state)) or "none"
        raise StoreError(f"the store has no release {release}; it has: {have}")
    for file in found:
        require_plain_name(file.name, "the name of a release's file")
    return found


def read_file(storage: Storage, state: SignedState, release: str, name: str, limit: int) -> bytes:
    """Return a release's file, checked.

    Raises
    ------
    StoreError
        If there is none, or it is not what was signed.
    """
    path = release_path(release, name)
    target = state.releases.signed.targets.get(path)
    if target is None:
        raise StoreError(f"the store has no {path}")
    return read_target(storage, path, target, limit)


def read_manifest(storage: Storage, state: SignedState, release: str) -> ReleaseManifest:
    """Return a release's manifest.

    Raises
    ------
    StoreError
        If the store has no such release, or a file of it is not what was signed.
    ReleaseError
        If the manifest must not be used.
    """
    files_of(state, release)
    manifest = decode_manifest(read_file(storage, state, release, MANIFEST, MAX_MANIFEST_BYTES))
    if manifest.release != release:
        raise StoreError(f"the manifest of {release} says that it is {manifest.release}")
    return manifest


def described(storage: Storage, state: SignedState, release: str) -> dict[str, object]:
    """Return what is told of a release: its manifest and its files, to be written as JSON.

    Raises
    ------
    StoreError
        If the store has no such release, or its manifest is not what was signed.
    ReleaseError
        If the manifest must not be used.
    """
    return {"manifest": read_manifest(storage, state, release), "files": files_of(state, release)}


def read_pointer(storage: Storage, targets: Targets, channel: Channel) -> ChannelPointer | None:
    """Return what a channel points to; None before it first pointed to anything.

    Parameters
    ----------
    storage : Storage
        The store.
    targets : Targets
        An edition of the role `channels`.
    channel : {'stable', 'canary'}
        Which.

    Raises
    ------
    StoreError
        If the pointer is not what was signed.
    ReleaseError
        If it must not be used.
    """
    path = pointer_path(channel)
    target = targets.targets.get(path)
    if target is None:
        return None
    pointer = decode_pointer(read_target(storage, path, target, MAX_POINTER_BYTES))
    if pointer.channel != channel:
        raise StoreError(f"{path} says that it is of {pointer.channel}")
    return pointer


def pointers(storage: Storage, state: SignedState) -> dict[Channel, ChannelPointer]:
    """Return what the channels point to; those that never pointed to anything are left out."""
    found = {channel: read_pointer(storage, state.channels.signed, channel) for channel in CHANNEL_NAMES}
    return {channel: pointer for channel, pointer in found.items() if pointer is not None}


def history(storage: Storage, state: SignedState) -> list[ChannelPointer]:
    """Return every change of a channel, the oldest first, from the editions of the role that signs them."""
    found: dict[tuple[str, int], ChannelPointer] = {}
    for targets in _editions(storage, state):
        for channel in CHANNEL_NAMES:
            pointer = read_pointer(storage, targets, channel)
            if pointer is not None:
                found.setdefault((channel, pointer.number), pointer)
    return list(found.values())


def _editions(storage: Storage, state: SignedState) -> Iterator[Targets]:
    for version in range(1, state.channels.signed.version):
        try:
            yield read_metadata(storage, CHANNELS, version, Targets).signed
        except MissingFileError:
            continue  # somebody cleared up
    yield state.channels.signed


def fetch_release(storage: Storage, state: SignedState, release: str, folder: Path) -> ReleaseFolder:
    """Copy a release's files into a folder, checked, and open it.

    Raises
    ------
    StoreError
        If the store has no such release, or a file is not what was signed.
    ReleaseError
        If the manifest must not be used.
    OSError
        If it cannot be copied.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in files_of(state, release):
        write_whole(folder / file.name, read_file(storage, state, release, file.name, MAX_ARTIFACT_BYTES))
    return open_release(folder)
