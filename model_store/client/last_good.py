"""What a client keeps on its disk: the files of releases by their content, and which release was good last.

A release is good once whoever uses it has loaded it and checked its golden window. It is kept whatever happens to the
store, and is what runs after a restart without a network.
"""

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from har.channels import Channel, ChannelPointer
from har.process.whole_files import part_of, sync, write_whole
from har.releases import ReleaseError
from model_store.release_folder import MANIFEST, ReleaseFolder, open_release

GOOD = "good.json"
RELEASES = "releases"
DOWNLOADS = "downloads"
SCHEMA = 1


class GoodReleases(msgspec.Struct, frozen=True):
    """What was good last, by channel.

    Attributes
    ----------
    pointers : dict of str to ChannelPointer
        What each channel pointed to; a channel that no release was good of is left out.
    schema : int
        Version of this document.
    """

    pointers: dict[Channel, ChannelPointer] = {}
    schema: int = SCHEMA


class ClientFolder:
    """A client's folder.

    Parameters
    ----------
    path : Path
        It is made if it does not exist; one client uses it at a time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trusted = path / "trusted"
        self.downloads = path / DOWNLOADS
        for folder in (self.trusted, self.downloads, path / RELEASES):
            folder.mkdir(parents=True, exist_ok=True)

    def good(self) -> GoodReleases:
        """Return what was good last; nothing, if nothing was yet.

        Raises
        ------
        ReleaseError
            If the record cannot be read.
        """
        try:
            content = (self.path / GOOD).read_bytes()
        except FileNotFoundError:
            return GoodReleases()
        try:
            return msgspec.json.decode(content, type=GoodReleases)
        except msgspec.MsgspecError as error:
            raise ReleaseError(f"{self.path / GOOD} cannot be read: {error}; remove it to begin afresh") from error

    def keep(self, pointers: Iterable[ChannelPointer]) -> None:
        """Remember what is good, and remove what is not part of that.

        Raises
        ------
        OSError
            If it cannot be written; what was remembered before stays.
        """
        good = GoodReleases({pointer.channel: pointer for pointer in pointers})
        write_whole(self.path / GOOD, msgspec.json.encode(good) + b"\n", durable=True)
        used = {self.release_folder(pointer).name for pointer in good.pointers.values() if pointer.release}
        for folder in (self.path / RELEASES).iterdir():
            if folder.name not in used:
                shutil.rmtree(folder)
        for download in self.downloads.iterdir():
            download.unlink()

    def release_folder(self, pointer: ChannelPointer) -> Path:
        """Return where the files of the release are that a channel points to."""
        assert pointer.release is not None and pointer.manifest_sha256 is not None
        return self.path / RELEASES / f"{pointer.release}.{pointer.manifest_sha256[:16]}"

    def assemble(self, folder: Path, files: Mapping[str, Path]) -> None:
        """Make a release's folder of files that were downloaded, whole or not at all.

        Parameters
        ----------
        folder : Path
            What there is of it already makes way.
        files : mapping of str to Path
            By their names in it.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        part = part_of(folder)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for name, path in files.items():
            shutil.copyfile(path, part / name)
            sync(part / name)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
        sync(folder.parent)

    def open(self, pointer: ChannelPointer) -> ReleaseFolder:
        """Open a release that is here; its other files are verified as they are read.

        Raises
        ------
        ReleaseError
            If it is not here, or its manifest is not the one that was signed.
        """
        release = open_release(self.release_folder(pointer))
        digest = hashlib.sha256((release.folder / MANIFEST).read_bytes()).hexdigest()
        if digest != pointer.manifest_sha256 or release.manifest.release != pointer.release:
            raise ReleaseError(f"{release.folder} is not the release {pointer.release} that was signed")
        return release
