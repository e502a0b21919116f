"""Classify windows with a release's ONNX artifact."""

from har.artifacts import ArtifactFormat
from model_store.onnx_network import OnnxNetwork
from model_store.release_classifier import ReleaseClassifier
from model_store.release_folder import ReleaseFolder, open_release

FORMAT: ArtifactFormat = "onnx"


class OnnxClassifier(ReleaseClassifier):
    """Classifier that runs a release's ONNX artifact.

    Parameters
    ----------
    release : ReleaseFolder
        The release. Its artifact is verified before it is parsed.
    threads : int
        Number of CPU threads for one call.

    Raises
    ------
    ReleaseError
        See `ReleaseClassifier`.
    """

    def __init__(self, release: ReleaseFolder, *, threads: int = 1) -> None:
        super().__init__(release, FORMAT, lambda content: OnnxNetwork(content, threads=threads))

    @classmethod
    def open(cls, release: str, *, threads: int = 1) -> "OnnxClassifier":
        """Open the release in the folder `release`, or the shipped one if `release` is ``"baseline"``."""
        return cls(open_release(release), threads=threads)
