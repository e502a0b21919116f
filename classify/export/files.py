"""The files of a release, copied and verified."""

from pathlib import Path

from har.release_documents import ReleaseError
from model_store.release_folder import MANIFEST, ReleaseFolder

CARD = "MODEL_CARD.md"
_PERSONAL = """**This is a personal release**: its results were measured on the people it was trained on, in the same
recordings, and do not hold for anybody else.

"""


def copy_files(release: ReleaseFolder, folder: Path) -> list[str]:
    """Copy a release; `har.load` opens the copy.

    Parameters
    ----------
    release : ReleaseFolder
        The release. A client of a store has only the forms of the network that it asked for.
    folder : Path
        A new folder.

    Returns
    -------
    list of str
        Formats of the network's copied forms.

    Raises
    ------
    ReleaseError
        If a file differs from the manifest, or there is no form of the network.
    OSError
        If a file cannot be read or written.
    """
    folder.mkdir(parents=True)
    manifest = release.manifest
    present = [artifact for artifact in manifest.artifacts if (release.folder / artifact.name).exists()]
    if not present:
        raise ReleaseError(f"{release.folder} has none of the files of {manifest.release}'s network")
    for artifact in present:
        (folder / artifact.name).write_bytes(release.read_artifact(artifact.format))
    for name in (MANIFEST, manifest.golden.file):
        (folder / name).write_bytes((release.folder / name).read_bytes())
    return [artifact.format for artifact in present]


def card_of(release: ReleaseFolder) -> str:
    """Return the release's model card, or a short one if it has none, as from a store."""
    try:
        return (release.folder / CARD).read_text("utf-8")
    except FileNotFoundError:
        manifest = release.manifest
        personal = _PERSONAL if manifest.personal else ""
        data = "\n".join(f"- {data.name}. {data.source}. Licence: {data.licence}." for data in manifest.data)
        terms = f"## Data and licences\n\n{data}\n\n{manifest.weights_licence}\n"
        return f"# Model card: {manifest.release}\n\n{personal}{terms}"
