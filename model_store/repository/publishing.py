"""Change a store: publish a release, promote a canary, or roll a channel back.

Each change is one new edition of the signed metadata and is atomic: readers see the state before or after it, even if
the change is interrupted. A rollback is a new edition, too. It points to an earlier release; old metadata is never
restored.
"""

from collections.abc import Callable
from enum import Enum
from hashlib import sha256
from pathlib import Path

from har.channels import CANARY, STABLE, Channel, ChannelPointer
from har.release_documents import ReleaseError, require_plain_name
from model_store.checking import check_release
from model_store.layout import release_path
from model_store.release_folder import MAX_ARTIFACT_BYTES, ReleaseFolder, open_release
from model_store.repository.contents import files_of, history, pointers, release_names
from model_store.repository.editing import Edit
from model_store.repository.errors import StoreError
from model_store.repository.exclusive_writing import exclusive
from model_store.repository.roles import RELEASES
from model_store.repository.signed_state import SignedState, Signing
from model_store.repository.storage import Storage

#: Most files of a release: manifest, golden window, four networks, report, model card, and some more.
MOST_FILES = 16


class AnyRelease(Enum):
    """Stands for any release that stable may point to."""

    RELEASE = "any release"


def publish(
    storage: Storage,
    signing: Signing,
    folder: Path,
    *,
    channel: Channel = STABLE,
    share: float = 1.0,
    reason: str = "",
    replacing: str | AnyRelease | None = AnyRelease.RELEASE,
) -> ChannelPointer:
    """Add a release to a store and point a channel to it.

    Parameters
    ----------
    storage : Storage
        The store.
    signing : Signing
        The keys of the online roles.
    folder : Path
        Folder of the release. Its files are copied.
    channel : {'stable', 'canary'}
        The channel to point to the release.
    share : float
        Share of the devices that get a canary, 0 to 1. Ignored for stable.
    reason : str
        Reason for the change, for the history.
    replacing : str, None or AnyRelease
        Name of the stable release that this one was compared with; None if there was no stable release. If stable has
        changed since, nothing is published.

    Returns
    -------
    ChannelPointer
        The channel's new pointer. If the store already has the release with the same files, only the pointer changes.

    Raises
    ------
    ReleaseError
        If the release differs from its manifest, or fails its golden window.
    StoreError
        If stable is not the release to be replaced, the release's name is used by another one, or the store cannot be
        read.
    OSError
        If the store cannot be written. It is then unchanged.
    """
    release = open_release(folder)
    check_release(release)
    files = _release_files(release)
    name = release.manifest.release
    with exclusive(storage) as check_lease:
        edit = Edit.begin(storage, signing, check_lease)
        if not isinstance(replacing, AnyRelease):
            _require_stable(edit, name, replacing)
        if name in release_names(edit.state):
            _require_same_files(edit.state, name, files)
        else:
            for file_name, content in files.items():
                edit.add_target(RELEASES, release_path(name, file_name), content)
        pointer = edit.point(channel, name, change="publish", reason=reason, share=share if channel == CANARY else 1.0)
        edit.edition.commit()
    return pointer


def promote(storage: Storage, signing: Signing, *, reason: str = "") -> ChannelPointer:
    """Make the canary's release stable, and end the canary.

    Raises
    ------
    StoreError
        If there is no canary.
    """

    def carry_out(edit: Edit) -> ChannelPointer:
        canary = pointers(storage, edit.state).get(CANARY)
        if canary is None or canary.release is None:
            raise StoreError(f"{storage.url} has no canary to promote")
        edit.point(CANARY, None, change="promote", reason=reason)
        return edit.point(STABLE, canary.release, change="promote", reason=reason)

    return _change(storage, signing, carry_out)


def rollback(
    storage: Storage, signing: Signing, *, channel: Channel = STABLE, to: str | None = None, reason: str = ""
) -> ChannelPointer:
    """Point stable to an earlier release, or end the canary.

    Parameters
    ----------
    storage : Storage
        The store.
    signing : Signing
        The keys of the online roles.
    channel : {'stable', 'canary'}
        The channel to roll back.
    to : str, optional
        Release that becomes stable; the previous stable release if not given.
    reason : str
        Reason for the change, for the history.

    Raises
    ------
    StoreError
        If the channel points to no release, there is no earlier release, or the store does not have `to`.
    """

    def carry_out(edit: Edit) -> ChannelPointer:
        current = pointers(storage, edit.state).get(channel)
        if current is None or current.release is None:
            raise StoreError(f"the channel {channel} of {storage.url} points to no release")
        if channel == CANARY:
            if to is not None:
                raise StoreError("a canary can only be ended: do not name a release to roll it back to")
            return edit.point(CANARY, None, change="rollback", reason=reason)
        return edit.point(STABLE, to or _previous_stable(edit, current), change="rollback", reason=reason)

    return _change(storage, signing, carry_out)


def _previous_stable(edit: Edit, current: ChannelPointer) -> str:
    """Return the previous stable release, without releases that were rolled back."""
    releases: list[str] = []
    for pointer in history(edit.storage, edit.state):
        if pointer.channel != STABLE or pointer.release is None:
            continue
        if pointer.change == "rollback" and pointer.release in releases:
            del releases[releases.index(pointer.release) + 1 :]
        else:
            releases.append(pointer.release)
    if len(releases) < 2:
        raise StoreError(f"{current.release} is the first stable release: name the release to go back to with --to")
    return releases[-2]


def _change(storage: Storage, signing: Signing, carry_out: Callable[[Edit], ChannelPointer]) -> ChannelPointer:
    with exclusive(storage) as check_lease:
        edit = Edit.begin(storage, signing, check_lease)
        pointer = carry_out(edit)
        edit.edition.commit()
    return pointer


def _release_files(release: ReleaseFolder) -> dict[str, bytes]:
    """Read the files to publish: all files of the folder that are not hidden."""
    paths = sorted(path for path in release.folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if len(paths) > MOST_FILES:
        raise ReleaseError(f"{release.folder} has {len(paths)} files; the limit is {MOST_FILES}")
    for path in paths:
        require_plain_name(path.name, "the name of a release's file")
        if path.stat().st_size > MAX_ARTIFACT_BYTES:
            raise ReleaseError(f"{path} is larger than {MAX_ARTIFACT_BYTES} bytes")
    return {path.name: path.read_bytes() for path in paths}


def _require_stable(edit: Edit, name: str, replacing: str | None) -> None:
    stable = pointers(edit.storage, edit.state).get(STABLE)
    current = stable.release if stable is not None else None
    if current != replacing:
        raise StoreError(
            f"{edit.storage.url}: {current or 'no release'} is now stable, but {name} was compared with "
            f"{replacing or 'none'}; compare it again"
        )


def _require_same_files(state: SignedState, name: str, files: dict[str, bytes]) -> None:
    published = {file.name: file.sha256 for file in files_of(state, name)}
    if published != {file_name: sha256(content).hexdigest() for file_name, content in files.items()}:
        raise StoreError(f"the store already has another release named {name}; choose a new name")
