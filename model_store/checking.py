"""Checking a release as its consumers do."""

from model_store.onnx_classifier import OnnxClassifier
from model_store.release_folder import ReleaseFolder


def check_release(release: ReleaseFolder) -> None:
    """Check every artifact's hash, and the golden window.

    Raises
    ------
    ReleaseError
        If a file is missing or is not what the manifest says, or the network answers its golden window wrongly.
    """
    for artifact in release.manifest.artifacts:
        release.read_artifact(artifact.format)
    OnnxClassifier(release)
