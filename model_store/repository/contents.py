"""Read the contents of a store: its releases, the pointers of its channels, and their history."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import TargetFile, Targets

from har.channels import CHANNELS as CHANNEL_NAMES
from har.channels import MAX_POINTER_BYTES, Channel, ChannelPointer, decode_pointer
from har.process.whole_files import write_whole
from har.release_documents import require_plain_name
from har.releases import MAX_MANIFEST_BYTES, ReleaseManifest, decode_manifest
from model_store.layout import METADATA_FOLDER, pointer_path, release_path, target_name
from model_store.release_folder import MANIFEST, MAX_ARTIFACT_BYTES, ReleaseFolder, open_release
from model_store.repository.errors import StoreError
from model_store.repository.roles import CHANNELS
from model_store.repository.signed_state import SignedState, metadata_name, read_metadata
from model_store.repository.storage import Storage


@dataclass(frozen=True)
class StoredFile:
    """A file of a release.

    Attributes
    ----------
    name : str
        File name.
    bytes : int
        Size.
    sha256 : str
        SHA-256, hexadecimal.
    """

    name: str
    bytes: int
    sha256: str


def read_target(storage: Storage, path: str, target: TargetFile, limit: int) -> bytes:
    """Read a target and verify its length and hash.

    Raises
    ------
    StoreError
        If it is missing, larger than `limit` bytes, or differs from what was signed.
    OSError
        If the storage fails.
    """
    if target.length > limit:
        raise StoreError(f"{path} in {storage.url} has {target.length} bytes; the limit is {limit}")
    content = storage.read(target_name(path, target.hashes["sha256"]), limit=target.length)
    try:
        target.verify_length_and_hashes(content)
    except LengthOrHashMismatchError as error:
        raise StoreError(f"{path} in {storage.url} differs from what was signed: {error}") from error
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
        If a file name is invalid.
    """
    prefix = release_path(release, "")
    found = [
        StoredFile(path.removeprefix(prefix), target.length, target.hashes["sha256"])
        for path, target in sorted(state.releases.signed.targets.items())
        if path.startswith(prefix)
    ]
    if not found:
        names = ", ".join(release_names(state)) or "none"
        raise StoreError(f"the store has no release {release}; it has: {names}")
    for file in found:
        require_plain_name(file.name, "the name of a release's file")
    return found


def read_file(storage: Storage, state: SignedState, release: str, name: str, limit: int) -> bytes:
    """Return the verified content of a release's file.

    Raises
    ------
    StoreError
        If the file is missing or differs from what was signed.
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
        If the store has no such release, or the manifest differs from what was signed.
    ReleaseError
        If the manifest cannot be decoded or is invalid.
    """
    files_of(state, release)
    manifest = decode_manifest(read_file(storage, state, release, MANIFEST, MAX_MANIFEST_BYTES))
    if manifest.release != release:
        raise StoreError(f"the manifest of {release} names the release {manifest.release}")
    return manifest


def describe_release(storage: Storage, state: SignedState, release: str) -> dict[str, object]:
    """Return a release's manifest and files, to be encoded as JSON.

    Raises
    ------
    StoreError
        If the store has no such release, or its manifest differs from what was signed.
    ReleaseError
        If the manifest cannot be decoded or is invalid.
    """
    return {"manifest": read_manifest(storage, state, release), "files": files_of(state, release)}


def read_pointer(storage: Storage, targets: Targets, channel: Channel) -> ChannelPointer | None:
    """Return the pointer of a channel; None if it never had one.

    Parameters
    ----------
    storage : Storage
        The store.
    targets : Targets
        A version of the metadata of the role `channels`.
    channel : {'stable', 'canary'}
        The channel.

    Raises
    ------
    StoreError
        If the pointer differs from what was signed.
    ReleaseError
        If it cannot be decoded or is invalid.
    """
    path = pointer_path(channel)
    target = targets.targets.get(path)
    if target is None:
        return None
    pointer = decode_pointer(read_target(storage, path, target, MAX_POINTER_BYTES))
    if pointer.channel != channel:
        raise StoreError(f"{path} holds the pointer of {pointer.channel}")
    return pointer


def pointers(storage: Storage, state: SignedState) -> dict[Channel, ChannelPointer]:
    """Return the pointers of the channels. Channels that never had one are left out."""
    found = {channel: read_pointer(storage, state.channels.signed, channel) for channel in CHANNEL_NAMES}
    return {channel: pointer for channel, pointer in found.items() if pointer is not None}


def history(storage: Storage, state: SignedState) -> list[ChannelPointer]:
    """Return all changes of the channels, oldest first, from all versions of the role `channels`."""
    found: dict[tuple[str, int], ChannelPointer] = {}
    for targets in _versions(storage, state):
        for channel in CHANNEL_NAMES:
            pointer = read_pointer(storage, targets, channel)
            if pointer is not None:
                found.setdefault((channel, pointer.number), pointer)
    return list(found.values())


def _versions(storage: Storage, state: SignedState) -> Iterator[Targets]:
    kept = set(storage.names(METADATA_FOLDER))  # old versions may have been deleted
    for version in range(1, state.channels.signed.version):
        if metadata_name(CHANNELS, version).removeprefix(f"{METADATA_FOLDER}/") in kept:
            yield read_metadata(storage, CHANNELS, version, Targets).signed
    yield state.channels.signed


def fetch_release(storage: Storage, state: SignedState, release: str, folder: Path) -> ReleaseFolder:
    """Copy a release's verified files to a folder and open it.

    Raises
    ------
    StoreError
        If the store has no such release, or a file differs from what was signed.
    ReleaseError
        If the manifest cannot be decoded or is invalid.
    OSError
        If the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in files_of(state, release):
        write_whole(folder / file.name, read_file(storage, state, release, file.name, MAX_ARTIFACT_BYTES))
    return open_release(folder)
