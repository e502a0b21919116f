"""Classify windows with a release's ONNX artifact."""

from typing import cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from har.releases import ArtifactFormat, ReleaseError, ReleaseManifest
from model_store.golden_check import check_golden
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
        self._session = _load(release.read_artifact(FORMAT), self.manifest, threads)
        self._input = self._session.get_inputs()[0].name
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
        normalised = self.manifest.normalisation.apply(windows)
        (result,) = self._session.run(None, {self._input: normalised})
        return cast(NDArray[np.float32], result)


def _load(content: bytes, manifest: ReleaseManifest, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class but Exception
        raise ReleaseError(f"{manifest.release}: onnxruntime cannot load the network: {error}") from error
    if len(session.get_inputs()) != 1 or len(session.get_outputs()) != 1:
        raise ReleaseError(f"{manifest.release}: the network must have one input and one output")
    shape = session.get_inputs()[0].shape
    if list(shape[1:]) != [manifest.steps, 3]:
        raise ReleaseError(f"{manifest.release}: the network takes {shape}, the manifest states {manifest.steps} x 3")
    return session
