"""Writing a release's folder, whole or not at all."""

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
    """Write a release: its frozen networks, golden window, model card and manifest.

    All is written beside `output` and checked as consumers check it; only then does it take the name, and what had
    the name before is removed.

    Parameters
    ----------
    output : Path
        The release's folder.
    manifest : ReleaseManifest
        What the release says of itself; its artifacts are those of `frozen`.
    frozen : Frozen
        The frozen network.
    weaknesses : sequence of str
        What is known to be weak, for the model card; a sentence each.
    replace : bool
        Whether `output` may exist already.

    Raises
    ------
    FileExistsError
        If `output` exists and may not be replaced.
    ReleaseError
        If a consumer would reject the release; `output` is then left as it is.
    OSError
        If the folder cannot be written, such as on a full disk; `output` is then left as it is.
    """
    if output.exists() and not replace:
        raise FileExistsError(f"{output} exists already; choose another folder, or say that it may be replaced")
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
        _take_name(part, output)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _take_name(part: Path, output: Path) -> None:
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
