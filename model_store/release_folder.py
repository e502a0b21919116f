"""Open a release folder. Each file is verified before it is parsed."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from har.artifacts import Artifact, GoldenWindow
from har.release_documents import ReleaseError
from har.releases import MAX_MANIFEST_BYTES, ReleaseManifest, decode_manifest
from har.samples import UNDECODABLE

#: Name of the release that is shipped with the project, and of one from openly licensed recordings alone.
BASELINE, BASELINE_OPEN = "baseline", "baseline-open"
SHIPPED = {BASELINE: "baseline", BASELINE_OPEN: "baseline_open"}
MANIFEST = "manifest.json"
MAX_ARTIFACT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class ReleaseFolder:
    """A release on disk.

    Attributes
    ----------
    folder : Path
        Folder with its files.
    manifest : ReleaseManifest
        Its manifest.
    """

    folder: Path
    manifest: ReleaseManifest

    def read_artifact(self, form: str) -> bytes:
        """Return the verified bytes of the artifact of a format.

        Raises
        ------
        ReleaseError
            If the release has no artifact of this format, or its size or hash differs from the manifest.
        """
        artifact = self.manifest.artifact(form)
        return _verified(self.folder / artifact.name, artifact, self.manifest.release)

    def read_golden(self) -> GoldenWindow:
        """Return the golden window.

        Raises
        ------
        ReleaseError
            If it is missing, cannot be decoded, or does not fit the manifest.
        """
        document = _read(self.folder / self.manifest.golden.file, MAX_MANIFEST_BYTES)
        try:
            golden = msgspec.json.decode(document, type=GoldenWindow)
        except UNDECODABLE as error:
            raise ReleaseError(f"cannot decode the golden window of {self.manifest.release}: {error}") from error
        if len(golden.window) != self.manifest.steps or len(golden.probabilities) != len(self.manifest.outputs):
            raise ReleaseError(f"the golden window of {self.manifest.release} does not fit its manifest")
        return golden


def open_release(release: str | Path) -> ReleaseFolder:
    """Open the release in a folder, or a shipped one if `release` is ``"baseline"`` or ``"baseline-open"``.

    Raises
    ------
    ReleaseError
        If the manifest is missing or cannot be decoded.
    """
    shipped = SHIPPED.get(str(release))
    folder = Path(release) if shipped is None else Path(__file__).parent / shipped
    document = _read(folder / MANIFEST, MAX_MANIFEST_BYTES)
    try:
        return ReleaseFolder(folder, decode_manifest(document))
    except ReleaseError as error:
        raise ReleaseError(f"{folder / MANIFEST}: {error}") from error


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise ReleaseError(f"no release at {path}: {error.strerror}") from error
    if len(content) > limit:
        raise ReleaseError(f"{path} is larger than {limit} bytes")
    return content


def _verified(path: Path, artifact: Artifact, release: str) -> bytes:
    if artifact.bytes > MAX_ARTIFACT_BYTES:
        raise ReleaseError(
            f"{artifact.name} of {release} has {artifact.bytes} bytes; the limit is {MAX_ARTIFACT_BYTES}"
        )
    content = _read(path, artifact.bytes)
    digest = hashlib.sha256(content).hexdigest()
    if len(content) != artifact.bytes or digest != artifact.sha256:
        raise ReleaseError(
            f"{artifact.name} of {release} differs from its manifest: {len(content)} bytes, sha256 {digest}; "
            f"expected {artifact.bytes} bytes, {artifact.sha256}"
        )
    return content
