"""A store for tests, with its keys and with copies of the shipped release."""

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
from tuf.api.metadata import TargetFile

from har.channels import ChannelPointer
from har.process.clock import utc_now
from har.releases import decode_manifest, encode_manifest
from model_store.layout import pointer_path, target_name
from model_store.onnx_classifier import OnnxClassifier
from model_store.release_folder import open_release
from model_store.repository.creation import create_store
from model_store.repository.exclusive_writing import exclusive
from model_store.repository.publishing import publish
from model_store.repository.roles import Lifetimes, Role
from model_store.repository.signed_state import Edition, Signing, read_state
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import Storage


def copied_release(folder: Path, name: str, **changes: object) -> Path:
    """Copy the shipped release and give it another name.

    Where each class was shown, and the rule that needs some of them, do not fit other classes.
    """
    if "classes" in changes:
        changes = {"shown_for": {}, "upright": None} | changes
    copy = Path(shutil.copytree(open_release("baseline").folder, folder / name))
    manifest = decode_manifest((copy / "manifest.json").read_bytes())
    (copy / "manifest.json").write_bytes(
        encode_manifest(msgspec.structs.replace(manifest, **{"release": name} | changes))
    )
    return copy


def background_release(folder: Path, name: str, **changes: object) -> Path:
    """Copy the shipped release, with another threshold for its background."""
    background = open_release("baseline").manifest.background
    assert background is not None
    return copied_release(folder, name, background=msgspec.structs.replace(background, largest_share=0.375), **changes)


def other_release(folder: Path, name: str, shift: float) -> Path:
    """Copy the shipped release with shifted normalisation (m/s²), so that its predictions differ."""
    network = OnnxClassifier.open("baseline")
    before = network.manifest.normalisation
    mean = tuple(value + shift for value in before.mean)
    copy = copied_release(folder, name, normalisation=msgspec.structs.replace(before, mean=mean))
    golden = open_release(copy).read_golden()
    answers = network.probabilities(np.array([golden.window], np.float32) - np.float32(shift))[0].tolist()
    changed = msgspec.structs.replace(golden, probabilities=answers)
    (copy / "golden.json").write_bytes(msgspec.json.encode(changed))
    return copy


@dataclass(frozen=True)
class MadeStore:
    """A store, its signing keys, and its first root."""

    storage: Storage
    signing: Signing
    root: bytes
    folder: Path

    @classmethod
    def make(cls, folder: Path, storage: Storage | None = None, **signing: object) -> "MadeStore":
        storage = storage or Storage(str(folder / "store"))
        made = Signing(Keyring(folder / "keys" / "online", folder / "keys" / "offline", b"secret"), **signing)
        return cls(storage, made, create_store(storage, made), folder)

    def release(self, name: str, **changes: object) -> Path:
        """Create a release's folder outside the store."""
        return copied_release(self.folder / "made", name, **changes)

    def publish(self, name: str, **options: object) -> ChannelPointer:
        return publish(self.storage, self.signing, self.release(name), **options)

    def publish_changed(self, name: str, **changes: object) -> None:
        """Sign a release with a changed manifest, unchecked, and point stable to it."""
        source = self.release(f"source-of-{re.sub(r'[^a-z]', '', name)}")
        files = {path.name: path.read_bytes() for path in source.iterdir()}
        manifest = msgspec.structs.replace(decode_manifest(files["manifest.json"]), **{"release": name} | changes)
        files["manifest.json"] = encode_manifest(manifest)
        self.sign_and_point(name, files)

    def sign_and_point(self, name: str, files: dict[str, bytes]) -> None:
        """Sign the files of a release, unchecked, and point stable to it."""
        pointer = ChannelPointer(
            channel="stable",
            number=9,
            release=name,
            manifest_sha256=hashlib.sha256(files["manifest.json"]).hexdigest(),
            share=1.0,
            change="publish",
            reason="",
            replaced=None,
            at="2026-01-01T00:00:00+00:00",
        )
        self.sign({f"releases/{name}/{each}": content for each, content in files.items()}, pointer)

    def stolen(self, served: Path, folder: Path) -> "MadeStore":
        """Return a copy of the served store for a thief, with the online keys of this moment."""
        keys, copy = folder / "stolen", folder / "copy"
        shutil.copytree(self.signing.keys.online, keys)
        shutil.copytree(served, copy)
        return MadeStore(type(self.storage)(str(copy)), replace(self.signing, keys=Keyring(keys)), b"", folder)

    def online_files(self) -> dict[str, bytes]:
        """Return the newest metadata of the online roles, and all targets, by their paths."""
        folder, state = Path(self.storage.url), read_state(self.storage)
        versions = [f"{state.of(role).signed.version}.{role}.json" for role in ("snapshot", "releases", "channels")]
        metadata = [folder / "metadata" / name for name in ("timestamp.json", *versions)]
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in (*metadata, *(folder / "targets").rglob("*.*"))
        }

    def at(self, clock: Callable[[], datetime]) -> Signing:
        """Return the signing keys with another clock."""
        return replace(self.signing, clock=clock)

    def sign(self, files: dict[str, bytes], pointer: ChannelPointer | None = None) -> None:
        """Sign any files with the right keys, unchecked, as an attacker with the keys could."""
        document = {} if pointer is None else {pointer_path(pointer.channel): msgspec.json.encode(pointer)}
        self.sign_as({"releases": files, "channels": document})

    def sign_as(self, files: dict[Role, dict[str, bytes]]) -> None:
        """Sign files of delegated roles, unchecked."""
        with exclusive(self.storage) as still_mine:
            edition = Edition(self.storage, self.signing, read_state(self.storage), still_mine)
            for role, targets in files.items():
                for path, content in targets.items():
                    target = TargetFile.from_data(path, content, ["sha256"])
                    self.storage.write(target_name(path, target.hashes["sha256"]), content)
                    edition.change(role).targets[path] = target
            edition.commit()


def ago(**age: float) -> Callable[[], datetime]:
    """Return a clock that is slow by this much."""
    return lambda: utc_now() - timedelta(**age)


#: Lifetimes so short that signatures expire during a test.
SHORT = Lifetimes(timestamp=timedelta(seconds=2))
