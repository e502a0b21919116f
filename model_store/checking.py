"""Check a release in the same way as the processes that load it."""

from model_store.onnx_classifier import OnnxClassifier
from model_store.release_folder import ReleaseFolder


def check_release(release: ReleaseFolder) -> None:
    """Check the hash of every artifact and the model's output for the golden window.

    Raises
    ------
    ReleaseError
        If a file is missing or differs from the manifest, or the model gives wrong probabilities for the golden window.
    """
    for artifact in release.manifest.artifacts:
        release.read_artifact(artifact.format)
    OnnxClassifier(release)
