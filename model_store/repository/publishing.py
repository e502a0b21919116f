"""Changing what a store holds: publishing a release, and pointing a channel to one.

Each change is one new edition of the signed metadata: whoever reads meanwhile, and whatever is cut short, finds the
state before it or the state after it. A rollback is a new edition, too: it points to an earlier release, and no older
metadata is ever brought back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path

from tuf.api.metadata import TargetFile

from har.channels import CANARY, STABLE, Change, Channel, ChannelPointer, encode_pointer
from har.releases import ReleaseError, require_plain_name
from model_store.checking import check_release
from model_store.layout import pointer_path, release_path, target_name
from model_store.release_folder import MANIFEST, MAX_ARTIFACT_BYTES, ReleaseFolder, open_release
from model_store.repository.contents import (
    files_of,
    history,
    pointers,
    read_pointer,
    release_names,
)
from model_store.repository.errors import StoreError
from model_store.repository.exclusive_writing import StillMine, exclusive
from model_store.repository.roles import CHANNELS, RELEASES
from model_store.repository.signed_state import Edition, SignedState, Signing, read_state
from model_store.repository.storage import Storage

#: Manifest, golden window, four networks, a report, a model card, and some more.
MOST_FILES = 16


class AnyRelease(Enum):
    """Stands for whichever release a channel points to."""

    RELEASE = "whichever release it points to"


@dataclass(frozen=True)
class _Edit:
    """What a change is carried out on, while nobody else writes."""

    storage: Storage
    signing: Signing
    state: SignedState
    edition: Edition

    @classmethod
    def begin(cls, storage: Storage, signing: Signing, still_mine: StillMine) -> "_Edit":
        state = read_state(storage)
        return cls(storage, signing, state, Edition(storage, signing, state, still_mine))

    def add_target(self, role: str, path: str, content: bytes) -> None:
        target = TargetFile.from_data(path, content, ["sha256"])
        self.storage.write(target_name(path, target.hashes["sha256"]), content)
        self.edition.change(role).targets[path] = target  # type: ignore[arg-type]

    def point(
        self, channel: Channel, release: str | None, *, change: Change, reason: str, share: float = 1.0
    ) -> ChannelPointer:
        before = read_pointer(self.storage, self.state.channels.signed, channel)
        pointer = ChannelPointer(
            channel=channel,
            number=before.number + 1 if before is not None else 1,
            release=release,
            manifest_sha256=self._manifest_digest(release) if release is not None else None,
            share=share,
            change=change,
            reason=reason,
            replaced=before.release if before is not None else None,
            at=self.signing.clock().isoformat(),
        )
        self.add_target(CHANNELS, pointer_path(channel), encode_pointer(pointer))
        return pointer

    def _manifest_digest(self, release: str) -> str:
        found = [file.sha256 for file in files_of(self.edition.state, release) if file.name == MANIFEST]
        if not found:
            raise StoreError(f"the release {release} in {self.storage.url} has no {MANIFEST}")
        return found[0]


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
        With the keys of the online roles.
    folder : Path
        The release; its files are copied.
    channel : {'stable', 'canary'}
        What is to point to it.
    share : float
        Of the devices, for a canary.
    reason : str
        Why, for whoever reads the history.
    replacing : str, None or AnyRelease
        The name of the stable release that this one was found to be better than, None if there was none: if another
        is stable by now, nothing is published.

    Returns
    -------
    ChannelPointer
        What the channel points to now. A release that was published already, and whose files are the same, is only
        pointed to.

    Raises
    ------
    ReleaseError
        If the release is not what its manifest says, fails its golden window, or has a name that was used before.
    StoreError
        If another release than the one to be replaced is stable, or the store cannot be read.
    OSError
        If the store cannot be written; it then stays what it is.
    """
    release = open_release(folder)
    check_release(release)
    files = _release_files(release)
    name = release.manifest.release
    with exclusive(storage) as still_mine:
        edit = _Edit.begin(storage, signing, still_mine)
        if not isinstance(replacing, AnyRelease):
            _reject_other_stable(edit, name, replacing)
        if name in release_names(edit.state):
            _reject_other_files(edit.state, name, files)
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

    def carry_out(edit: _Edit) -> ChannelPointer:
        canary = pointers(storage, edit.state).get(CANARY)
        if canary is None or canary.release is None:
            raise StoreError(f"{storage.url} has no canary that could be promoted")
        edit.point(CANARY, None, change="promote", reason=reason)
        return edit.point(STABLE, canary.release, change="promote", reason=reason)

    return _change(storage, signing, carry_out)


def rollback(
    storage: Storage, signing: Signing, *, channel: Channel = STABLE, to: str | None = None, reason: str = ""
) -> ChannelPointer:
    """Point a channel to an earlier release; a canary, to none.

    Parameters
    ----------
    storage : Storage
        The store.
    signing : Signing
        With the keys of the online roles.
    channel : {'stable', 'canary'}
        Which.
    to : str, optional
        The release; the one that was stable before, if not given.
    reason : str
        Why, for whoever reads the history.

    Raises
    ------
    StoreError
        If there is nothing to go back to, or no such release.
    """

    def carry_out(edit: _Edit) -> ChannelPointer:
        present = pointers(storage, edit.state).get(channel)
        if present is None or present.release is None:
            raise StoreError(f"the channel {channel} of {storage.url} points to no release")
        if channel == CANARY:
            if to is not None:
                raise StoreError("a canary is rolled back to what is stable: no release is named")
            return edit.point(CANARY, None, change="rollback", reason=reason)
        return edit.point(STABLE, to or _before(edit, present), change="rollback", reason=reason)

    return _change(storage, signing, carry_out)


def _before(edit: _Edit, present: ChannelPointer) -> str:
    """Return what was stable before, leaving out what was rolled back since."""
    line: list[str] = []
    for pointer in history(edit.storage, edit.state):
        if pointer.channel != STABLE or pointer.release is None:
            continue
        if pointer.change == "rollback" and pointer.release in line:
            del line[line.index(pointer.release) + 1 :]
        else:
            line.append(pointer.release)
    if len(line) < 2:
        raise StoreError(f"{present.release} is the first release that was stable: say to which one to go")
    return line[-2]


def _change(storage: Storage, signing: Signing, carry_out: Callable[[_Edit], ChannelPointer]) -> ChannelPointer:
    with exclusive(storage) as still_mine:
        edit = _Edit.begin(storage, signing, still_mine)
        pointer = carry_out(edit)
        edit.edition.commit()
    return pointer


def _release_files(release: ReleaseFolder) -> dict[str, bytes]:
    """Read the files that are published: all of the folder that are not hidden."""
    paths = sorted(path for path in release.folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if len(paths) > MOST_FILES:
        raise ReleaseError(f"{release.folder} has {len(paths)} files; a release has {MOST_FILES} at most")
    for path in paths:
        require_plain_name(path.name, "the name of a release's file")
        if path.stat().st_size > MAX_ARTIFACT_BYTES:
            raise ReleaseError(f"{path} is larger than {MAX_ARTIFACT_BYTES} bytes")
    return {path.name: path.read_bytes() for path in paths}


def _reject_other_stable(edit: _Edit, name: str, replacing: str | None) -> None:
    stable = pointers(edit.storage, edit.state).get(STABLE)
    present = stable.release if stable is not None else None
    if present != replacing:
        raise StoreError(
            f"{edit.storage.url}: {present or 'no release'} is stable by now, but {name} was compared with "
            f"{replacing or 'none'}; compare it again"
        )


def _reject_other_files(state: SignedState, name: str, files: dict[str, bytes]) -> None:
    published = {file.name: file.sha256 for file in files_of(state, name)}
    if published != {file_name: sha256(content).hexdigest() for file_name, content in files.items()}:
        raise StoreError(f"the store has another release {name} already; a release's name is used once")
