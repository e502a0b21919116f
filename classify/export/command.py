"""`har release`: write a release in the layout of another tool."""

import os
import shutil
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from classify.export.settings import ReleaseSettings
from classify.releases import StoreAccess, open_classifier
from har.process.ending import NOT_REACHED, NOT_TRIED, REACHED, report_failure
from har.release_documents import ReleaseError
from model_store.release_folder import ReleaseFolder

#: What writes each layout: ``module:function``, called with the release and a folder, and the extra that it needs.
WRITERS = {
    "mlflow": ("classify.export.mlflow_model:write_model", "mlflow"),
    "huggingface": ("classify.export.hugging_face:write_repository", "huggingface"),
}


def run(settings: ReleaseSettings) -> int:
    """Run the chosen subcommand; return the exit status."""
    assert settings.export is not None
    chosen = settings.export
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # an export asks nobody and tells nobody
    module, extra = WRITERS[chosen.to]
    try:
        write = _writer(module)
    except ModuleNotFoundError as error:
        report_failure("har release", f"{error.name} is not installed: pip install 'har-stream[{extra}]'")
        return NOT_TRIED
    token = chosen.store_token.get_secret_value() if chosen.store_token is not None else None
    try:
        release = open_classifier(chosen.release, StoreAccess(chosen.trusted_root, token)).release
        write_whole_folder(chosen.folder, lambda part: write(release, part))
    except (ReleaseError, OSError) as error:
        report_failure("har release", error)
        return NOT_REACHED
    users = len(release.manifest.training_users)
    who = "user" if users == 1 else f"{users} users"
    print(f"wrote {release.manifest.release} to {chosen.folder}. Its files name the {who} it was trained on.")
    return REACHED


def write_whole_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Write a folder that appears complete or not at all.

    Parameters
    ----------
    folder : Path
        The folder; it must not exist.
    write : callable
        Writes the files into a folder that does not exist yet.

    Raises
    ------
    OSError
        If the folder exists or cannot be written.
    """
    if folder.exists() or folder.is_symlink():
        raise FileExistsError(f"{folder} exists: name a new folder, or delete it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    except OSError as error:
        raise OSError(f"{folder} cannot be written: {error.strerror}") from error
    try:
        write(beside / "whole")
        (beside / "whole").rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _writer(entry: str) -> Callable[[ReleaseFolder, Path], None]:
    module, _, function = entry.partition(":")
    write: Callable[[ReleaseFolder, Path], None] = getattr(import_module(module), function)
    return write
