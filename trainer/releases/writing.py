"""Write a release folder atomically."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from har.process.whole_files import part_of
from har.releases import ReleaseManifest, encode_manifest
from model_store.checking import check_release
from model_store.release_folder import MANIFEST, open_release
from trainer.freezing import Frozen
from trainer.releases.model_card import model_card

GOLDEN_FILE = "golden.json"
CARD_FILE = "MODEL_CARD.md"


def write_release(
    output: Path, manifest: ReleaseManifest, frozen: Frozen, weaknesses: Sequence[str], *, replace: bool = False
) -> None:
    """Write a release folder: frozen networks, golden window, model card and manifest.

    The files are written to a temporary folder beside `output` and checked as consumers check them. The folder is then
    renamed to `output`, and a previous `output` is removed.

    Parameters
    ----------
    output : Path
        Release folder to write.
    manifest : ReleaseManifest
        Manifest of the release, with the artifacts of `frozen`.
    frozen : Frozen
        Frozen network.
    weaknesses : sequence of str
        Known weaknesses for the model card, one sentence each.
    replace : bool
        Whether an existing `output` is replaced.

    Raises
    ------
    FileExistsError
        If `output` exists and `replace` is False.
    ReleaseError
        If a consumer would reject the release; `output` stays unchanged.
    OSError
        If the folder cannot be written, such as on a full disk; `output` stays unchanged.
    """
    if output.exists() and not replace:
        raise FileExistsError(f"{output} exists already; choose another folder, or pass replace=True")
    part = part_of(output)
    _remove(part)
    try:
        part.mkdir(parents=True)
        for artifact in manifest.artifacts:
            (part / artifact.name).write_bytes(frozen.files[artifact.format])
        (part / manifest.golden.file).write_bytes(msgspec.json.encode(frozen.golden) + b"\n")
        (part / CARD_FILE).write_text(model_card(manifest, weaknesses), "utf-8")
        (part / MANIFEST).write_bytes(encode_manifest(manifest))
        check_release(open_release(part))
        _move_into_place(part, output)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _move_into_place(part: Path, output: Path) -> None:
    old = output.with_name(f".{output.name}.old")
    _remove(old)
    if not output.exists():
        part.rename(output)
        return
    output.rename(old)
    try:
        part.rename(output)
    except BaseException:
        old.rename(output)
        raise
    _remove(old)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
