"""Pull personal heads from a store: verify them as releases are, and keep the last good ones on disk."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from tuf.api.metadata import TargetFile

from har.personal_head import MAX_HEAD_BYTES, PersonalHead, decode_head
from har.personal_index import MAX_INDEX_BYTES, HeadEntry, PersonalIndex, decode_index, device_id
from har.process.whole_files import write_whole
from har.release_documents import ReleaseError
from har.samples import UNDECODABLE
from model_store.client.errors import UpdateRejectedError
from model_store.client.last_good import ClientFolder
from model_store.client.signed_files import SignedFiles, SignedTargets
from model_store.layout import head_path, personal_index_path

FOLDER = "personal"
GOOD = "good.json"


@dataclass(frozen=True)
class PersonalHeads:
    """The personal heads of a store, or of one device.

    Attributes
    ----------
    number : int
        Number of the index; 0 if the store never had a personal head.
    heads : dict of str to list of PersonalHead
        The heads of each device by its name, in order of their numbers.
    """

    number: int = 0
    heads: dict[str, list[PersonalHead]] = field(default_factory=dict)


class _GoodHeads(msgspec.Struct, frozen=True):
    """The last good heads: number of the index, and SHA-256 of each file by its name."""

    number: int = 0
    sha256: dict[str, str] = {}


class HeadClient:
    """Pulls personal heads.

    Parameters
    ----------
    files : SignedFiles
        The store.
    folder : ClientFolder
        The client's folder. The heads are in its folder ``personal``.
    """

    def __init__(self, files: SignedFiles, folder: ClientFolder) -> None:
        self._files = files
        self._folder = folder.path / FOLDER

    def count_on_disk(self) -> int:
        """Return how many heads are on disk; a pull that was cut off leaves those that it fetched for the next one."""
        return sum(path.name != GOOD for path in self._folder.iterdir()) if self._folder.exists() else 0

    def pull(self, *, least: int = 0, device: str | None = None) -> PersonalHeads:
        """Fetch and verify the personal heads; keep them on disk.

        Parameters
        ----------
        least : int
            Announced number of the index. A store that answers with an earlier one is rejected as rolled back.
        device : str, optional
            Name of the device whose newest head for each release is fetched; all heads if not given.

        Returns
        -------
        PersonalHeads
            Number 0 and no heads if the store has no index.

        Raises
        ------
        UpdateRejectedError
            If a download or a verification fails. The last good heads stay unchanged.
        """
        with self._files.refreshed() as targets:
            index = self._index(targets, least)
            if index is None:
                return PersonalHeads()
            entries = index.heads if device is None else _newest(index.heads, device_id(device))
            signed = {_file_name(entry): targets.require(_path(entry)) for entry in entries}
            heads = [self._head(targets, entry) for entry in entries]
            self._keep(index.number, signed)
            return PersonalHeads(index.number, _by_device(heads))

    def last_good(self) -> PersonalHeads:
        """Return the last good heads from disk, without a connection to the store.

        Raises
        ------
        ReleaseError
            If the record of them cannot be read, or a head is missing or was changed.
        """
        good = self._good()
        return PersonalHeads(good.number, _by_device(self._read(name, digest) for name, digest in good.sha256.items()))

    def _index(self, targets: SignedTargets, least: int) -> PersonalIndex | None:
        path = personal_index_path()
        target = targets.find(path)
        least = max(least, self._good().number)
        if target is None:
            if least:
                raise UpdateRejectedError("rolled back", "the store no longer has the index of personal heads")
            return None
        download = targets.download(path, target, MAX_INDEX_BYTES)
        index = decode_index(download.read_bytes())
        download.unlink()
        if index.number < least:
            raise UpdateRejectedError(
                "rolled back", f"the store has change {index.number} of the personal heads, but change {least} is known"
            )
        return index

    def _head(self, targets: SignedTargets, entry: HeadEntry) -> PersonalHead:
        here = self._folder / _file_name(entry)
        found = targets.obtain(_path(entry), MAX_HEAD_BYTES, here)
        head = decode_head(found.read_bytes())
        stated = HeadEntry(device_id(head.device), head.number, head.release, head.effective)
        if stated != entry:
            raise UpdateRejectedError("contradictory", f"{_path(entry)} is not the head that the index lists")
        if found != here:
            self._folder.mkdir(exist_ok=True)
            found.replace(here)
        return head

    def _keep(self, number: int, signed: dict[str, TargetFile]) -> None:
        """Record the good heads and delete all other files of heads."""
        good = _GoodHeads(number, {name: target.hashes["sha256"] for name, target in signed.items()})
        self._folder.mkdir(exist_ok=True)
        if good != self._good():
            write_whole(self._folder / GOOD, msgspec.json.encode(good) + b"\n", durable=True)
        # Also without a change: the pull that recorded these may have been cut off here.
        for path in self._folder.iterdir():
            if path.name != GOOD and path.name not in signed:
                path.unlink()

    def _good(self) -> _GoodHeads:
        try:
            return msgspec.json.decode((self._folder / GOOD).read_bytes(), type=_GoodHeads)
        except FileNotFoundError:
            return _GoodHeads()
        except UNDECODABLE as error:
            raise ReleaseError(f"cannot read {self._folder / GOOD}: {error}; delete it to start again") from error

    def _read(self, name: str, sha256: str) -> PersonalHead:
        try:
            content = (self._folder / name).read_bytes()
        except OSError as error:
            raise ReleaseError(f"cannot read the personal head {self._folder / name}: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ReleaseError(f"{self._folder / name} is not the personal head that was signed")
        return decode_head(content)


def _path(entry: HeadEntry) -> str:
    return head_path(entry.id, entry.number)


def _file_name(entry: HeadEntry) -> str:
    return Path(_path(entry)).name


def _newest(entries: Iterable[HeadEntry], of: str) -> list[HeadEntry]:
    """Return a device's newest entry for each release, in order of their numbers."""
    newest = {entry.release: entry for entry in entries if entry.id == of}
    return sorted(newest.values(), key=lambda entry: entry.number)


def _by_device(heads: Iterable[PersonalHead]) -> dict[str, list[PersonalHead]]:
    found: dict[str, list[PersonalHead]] = {}
    for head in sorted(heads, key=lambda head: (head.device, head.number)):
        found.setdefault(head.device, []).append(head)
    return found
