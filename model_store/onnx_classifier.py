"""Classify windows with a release's ONNX artifact."""

import numpy as np
from numpy.typing import NDArray

from har.artifacts import ArtifactFormat
from har.releases import ReleaseError, ReleaseManifest
from model_store.golden_check import check_golden
from model_store.onnx_network import OnnxNetwork
from model_store.release_folder import ReleaseFolder, open_release

FORMAT: ArtifactFormat = "onnx"


class OnnxClassifier:
    """Classifier of a release that has passed its golden window.

    Parameters
    ----------
    release : ReleaseFolder
        The release. Its artifact is verified before it is parsed.
    threads : int
        Number of CPU threads for one call.

    Raises
    ------
    ReleaseError
        If a file differs from the manifest, the network cannot be loaded or does not fit the manifest, or it fails
        the golden window.
    """

    def __init__(self, release: ReleaseFolder, *, threads: int = 1) -> None:
        self.manifest: ReleaseManifest = release.manifest
        self._network = _load(release.read_artifact(FORMAT), self.manifest, threads)
        check_golden(release, self.probabilities)

    @classmethod
    def open(cls, release: str, *, threads: int = 1) -> "OnnxClassifier":
        """Open the release in the folder `release`, or the shipped one if `release` is ``"baseline"``."""
        return cls(open_release(release), threads=threads)

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Classify windows.

        Parameters
        ----------
        windows : ndarray of float32, shape (n, steps, 3)
            m/s², gravity included, not normalised.

        Returns
        -------
        ndarray of float32, shape (n, classes)
            Rows sum to 1; columns are in the order of the manifest's classes.
        """
        return self._network.probabilities(self.manifest.normalisation.apply(windows))


def _load(content: bytes, manifest: ReleaseManifest, threads: int) -> OnnxNetwork:
    try:
        network = OnnxNetwork(content, threads=threads)
    except ValueError as error:
        raise ReleaseError(f"{manifest.release}: {error}") from error
    if network.input_shape[1:] != [manifest.steps, 3]:
        raise ReleaseError(
            f"{manifest.release}: the network takes {network.input_shape}, the manifest states {manifest.steps} x 3"
        )
    return network
