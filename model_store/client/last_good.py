"""A client's folder: TUF metadata, files of releases, and which release was good last.

A release is good once the client has loaded it and checked its golden window. The client keeps the last good release
on disk, so that it can start without a connection to the store.
"""

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from har.channels import Channel, ChannelPointer
from har.process.whole_files import part_of, sync, write_whole
from har.release_documents import ReleaseError
from har.samples import UNDECODABLE
from model_store.release_folder import MANIFEST, ReleaseFolder, open_release

GOOD = "good.json"
RELEASES = "releases"
DOWNLOADS = "downloads"
SCHEMA = 1


class GoodReleases(msgspec.Struct, frozen=True):
    """The last good release of each channel, as kept in ``good.json``.

    Attributes
    ----------
    pointers : dict of str to ChannelPointer
        Pointers to the releases by channel. Channels without a good release are left out.
    schema : int
        Version of this document's format.
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
        """Return the last good releases; none before the first call of `keep`.

        Raises
        ------
        ReleaseError
            If ``good.json`` cannot be decoded.
        """
        try:
            content = (self.path / GOOD).read_bytes()
        except FileNotFoundError:
            return GoodReleases()
        try:
            return msgspec.json.decode(content, type=GoodReleases)
        except UNDECODABLE as error:
            raise ReleaseError(f"cannot read {self.path / GOOD}: {error}; delete it to start again") from error

    def keep(self, pointers: Iterable[ChannelPointer]) -> None:
        """Record the good releases and delete all other files of releases.

        Raises
        ------
        OSError
            If the record cannot be written. The previous record stays.
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
        """Return the folder of the release that a channel points to."""
        assert pointer.release is not None and pointer.manifest_sha256 is not None
        return self.path / RELEASES / f"{pointer.release}.{pointer.manifest_sha256[:16]}"

    def assemble(self, folder: Path, files: Mapping[str, Path]) -> None:
        """Copy downloaded files to a release's folder. The folder appears atomically.

        Parameters
        ----------
        folder : Path
            The release's folder. An existing one is replaced.
        files : mapping of str to Path
            Paths of the downloaded files, by their names in the folder.

        Raises
        ------
        OSError
            If the folder cannot be written.
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
        """Open a release in this folder and verify its manifest. Other files are verified when they are read.

        Raises
        ------
        ReleaseError
            If the release is missing, or its manifest is not the one that was signed.
        """
        release = open_release(self.release_folder(pointer))
        digest = hashlib.sha256((release.folder / MANIFEST).read_bytes()).hexdigest()
        if digest != pointer.manifest_sha256 or release.manifest.release != pointer.release:
            raise ReleaseError(f"{release.folder} is not the release {pointer.release} that was signed")
        return release
