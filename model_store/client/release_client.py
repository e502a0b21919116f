"""Pull releases from a store: fetch them in bounded time and verify them before anything parses them."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from har.artifacts import Artifact, ArtifactFormat
from har.channels import CHANNELS, MAX_POINTER_BYTES, Channel, ChannelPointer, channel_of, decode_pointer
from har.release_documents import require_plain_name
from har.releases import MAX_MANIFEST_BYTES, ReleaseManifest, decode_manifest
from model_store.client.errors import UpdateRejectedError
from model_store.client.fetching import BoundedFetcher
from model_store.client.head_client import HeadClient, PersonalHeads
from model_store.client.last_good import ClientFolder
from model_store.client.signed_files import SignedFiles, SignedTargets
from model_store.layout import pointer_path, release_path
from model_store.release_folder import MANIFEST, MAX_ARTIFACT_BYTES, ReleaseFolder


@dataclass(frozen=True)
class PulledRelease:
    """A release that was fetched and verified. The caller loads it and checks its golden window before using it.

    Attributes
    ----------
    pointer : ChannelPointer
        The channel's pointer to it.
    release : ReleaseFolder
        Its files.
    """

    pointer: ChannelPointer
    release: ReleaseFolder


Pulled = dict[Channel, PulledRelease]


class ReleaseClient:
    """Pulls the releases that a store's channels point to.

    Parameters
    ----------
    url : str
        URL of the store.
    trusted_root : bytes
        Root metadata of the store, obtained over a trusted channel.
    folder : ClientFolder
        Folder for metadata and releases. Only one client may use it at a time.
    formats : tuple of str
        Formats of the artifacts to fetch.
    fetcher : BoundedFetcher, optional
        Fetches the files; one with the default limits and without a token if not given.

    Raises
    ------
    ReleaseError
        If `trusted_root` is not root metadata.
    """

    def __init__(
        self,
        url: str,
        trusted_root: bytes,
        folder: ClientFolder,
        formats: tuple[ArtifactFormat, ...],
        fetcher: BoundedFetcher | None = None,
    ) -> None:
        self.folder = folder
        self._formats = formats
        self._files = SignedFiles(url, trusted_root, folder, fetcher or BoundedFetcher())
        self._heads = HeadClient(self._files, folder)

    def pull(
        self,
        *,
        least: dict[Channel, int] | None = None,
        device: str | None = None,
        channels: Collection[Channel] = CHANNELS,
    ) -> Pulled:
        """Fetch and verify the releases that the channels point to.

        Parameters
        ----------
        least : dict of str to int, optional
            The announced number of each channel's pointer. A store that answers with an earlier one is rejected as
            rolled back.
        device : str, optional
            Name of the device whose release is fetched; all channels' releases if not given.
        channels : collection of str
            The channels whose releases are fetched if no device is given.

        Returns
        -------
        dict of str to PulledRelease
            Releases by channel. Channels that point to no release, or are not for the device, are left out.

        Raises
        ------
        UpdateRejectedError
            If a download or a verification fails. The last good releases stay unchanged.
        """
        with self._files.refreshed() as targets:
            pointers = self._pointers(targets, least or {})
            wanted = channels if device is None else (channel_of(device, pointers),)
            return {
                channel: PulledRelease(pointer, self._release(targets, pointer))
                for channel, pointer in pointers.items()
                if pointer.release is not None and channel in wanted
            }

    def pull_heads(self, *, least: int = 0, device: str | None = None) -> PersonalHeads:
        """Fetch and verify the personal heads. See `HeadClient.pull`."""
        return self._heads.pull(least=least, device=device)

    def count_heads_on_disk(self) -> int:
        """Return how many personal heads are on disk. See `HeadClient.count_on_disk`."""
        return self._heads.count_on_disk()

    def last_good_heads(self) -> PersonalHeads:
        """Return the personal heads from disk, without a connection to the store. See `HeadClient.last_good`."""
        return self._heads.last_good()

    def last_good(self) -> Pulled:
        """Return the last good releases from disk, without a connection to the store.

        Raises
        ------
        ReleaseError
            If the record of them cannot be read, or a release is missing or its manifest was changed.
        """
        found: Pulled = {}
        for channel, pointer in self.folder.good().pointers.items():
            found[channel] = PulledRelease(pointer, self.folder.open(pointer))
        return found

    def _pointers(self, targets: SignedTargets, least: dict[Channel, int]) -> dict[Channel, ChannelPointer]:
        found = {channel: self._pointer(targets, channel, least.get(channel, 0)) for channel in CHANNELS}
        return {channel: pointer for channel, pointer in found.items() if pointer is not None}

    def _pointer(self, targets: SignedTargets, channel: Channel, least: int) -> ChannelPointer | None:
        path = pointer_path(channel)
        target = targets.find(path)
        known = self.folder.good().pointers.get(channel)
        least = max(least, known.number if known is not None else 0)
        if target is None:
            if least:
                raise UpdateRejectedError("rolled back", f"the store no longer has the channel {channel}")
            return None
        pointer = decode_pointer(targets.download(path, target, MAX_POINTER_BYTES).read_bytes())
        if pointer.channel != channel:
            raise UpdateRejectedError("contradictory", f"{path} holds the pointer of {pointer.channel}")
        if pointer.number < least:
            raise UpdateRejectedError(
                "rolled back", f"the store has change {pointer.number} of {channel}, but change {least} is known"
            )
        return pointer

    def _release(self, targets: SignedTargets, pointer: ChannelPointer) -> ReleaseFolder:
        assert pointer.release is not None
        folder = self.folder.release_folder(pointer)
        path = self._file(targets, pointer.release, MANIFEST, MAX_MANIFEST_BYTES, folder)
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != pointer.manifest_sha256:
            raise UpdateRejectedError(
                "contradictory", f"the manifest of {pointer.release} does not match the channel's pointer"
            )
        manifest = decode_manifest(content)
        if manifest.release != pointer.release:
            raise UpdateRejectedError(
                "contradictory", f"the manifest of {pointer.release} names the release {manifest.release}"
            )
        artifacts = [manifest.artifact(form) for form in self._formats]
        for artifact in artifacts:
            self._check_artifact_is_signed(targets, manifest, artifact)
        files = {MANIFEST: path}
        for name in (manifest.golden.file, *(artifact.name for artifact in artifacts)):
            files[name] = self._file(targets, pointer.release, name, MAX_ARTIFACT_BYTES, folder)
        if any(path.parent != folder for path in files.values()):
            self.folder.assemble(folder, files)
        return self.folder.open(pointer)

    def _check_artifact_is_signed(self, targets: SignedTargets, manifest: ReleaseManifest, artifact: Artifact) -> None:
        target = targets.require(release_path(manifest.release, artifact.name))
        if (artifact.bytes, artifact.sha256) != (target.length, target.hashes.get("sha256")):
            raise UpdateRejectedError(
                "contradictory",
                f"the manifest of {manifest.release} states for {artifact.name} {artifact.bytes} bytes, sha256 "
                f"{artifact.sha256}; the store signed {target.length} bytes, {target.hashes.get('sha256')}",
            )

    def _file(self, targets: SignedTargets, release: str, name: str, limit: int, folder: Path) -> Path:
        """Return the path of a verified file of a release: in its folder if it is there, else downloaded."""
        require_plain_name(name, "the name of a release's file")
        return targets.obtain(release_path(release, name), limit, folder / name)
