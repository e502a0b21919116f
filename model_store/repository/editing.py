"""The next edition of a store while one process is its only writer."""

from dataclasses import dataclass

from tuf.api.metadata import TargetFile

from har.channels import Change, Channel, ChannelPointer, encode_pointer
from model_store.layout import pointer_path, target_name
from model_store.release_folder import MANIFEST
from model_store.repository.contents import files_of, read_pointer
from model_store.repository.errors import StoreError
from model_store.repository.exclusive_writing import LeaseCheck
from model_store.repository.roles import CHANNELS, Role
from model_store.repository.signed_state import Edition, SignedState, Signing, read_state
from model_store.repository.storage import Storage


@dataclass(frozen=True)
class Edit:
    """A store and its next edition.

    Attributes
    ----------
    storage : Storage
        The store.
    signing : Signing
        The keys of the online roles.
    state : SignedState
        The metadata before the edit.
    edition : Edition
        The next edition of the metadata. It takes effect when it is committed.
    """

    storage: Storage
    signing: Signing
    state: SignedState
    edition: Edition

    @classmethod
    def begin(cls, storage: Storage, signing: Signing, check_lease: LeaseCheck) -> "Edit":
        """Read the store and begin its next edition. Call it within `exclusive`."""
        state = read_state(storage)
        return cls(storage, signing, state, Edition(storage, signing, state, check_lease))

    def add_target(self, role: Role, path: str, content: bytes) -> None:
        """Write a file, and list it in the metadata of a role."""
        target = TargetFile.from_data(path, content, ["sha256"])
        self.storage.write(target_name(path, target.hashes["sha256"]), content)
        self.edition.change(role).targets[path] = target

    def point(
        self, channel: Channel, release: str | None, *, change: Change, reason: str, share: float = 1.0
    ) -> ChannelPointer:
        """Point a channel to a release, or to none. Return its new pointer."""
        previous = read_pointer(self.storage, self.state.channels.signed, channel)
        pointer = ChannelPointer(
            channel=channel,
            number=previous.number + 1 if previous is not None else 1,
            release=release,
            manifest_sha256=self._manifest_digest(release) if release is not None else None,
            share=share,
            change=change,
            reason=reason,
            replaced=previous.release if previous is not None else None,
            at=self.signing.clock().isoformat(),
        )
        self.add_target(CHANNELS, pointer_path(channel), encode_pointer(pointer))
        return pointer

    def _manifest_digest(self, release: str) -> str:
        found = [file.sha256 for file in files_of(self.edition.state, release) if file.name == MANIFEST]
        if not found:
            raise StoreError(f"the release {release} in {self.storage.url} has no {MANIFEST}")
        return found[0]
