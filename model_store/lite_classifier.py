"""Classify windows with a release's LiteRT artifact, without TensorFlow. Used on devices."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from har.releases import ReleaseError, ReleaseManifest
from model_store.golden_check import check_golden
from model_store.lite_network import LiteNetwork
from model_store.release_folder import ReleaseFolder

LiteFormat = Literal["litert-float32", "litert-int8"]
FLOAT32: LiteFormat = "litert-float32"
INT8: LiteFormat = "litert-int8"


class LiteClassifier:
    """Classifier of a release that has passed its golden window. Not thread-safe.

    Parameters
    ----------
    release : ReleaseFolder
        The release. Its artifact is verified before it is parsed.
    form : {'litert-float32', 'litert-int8'}
        Format of the artifact. With 8-bit weights, most predictions equal those of float32; the share is
        `har.artifacts.Artifact.same_answer`.

    Raises
    ------
    ReleaseError
        If a file differs from the manifest, the network cannot be loaded or does not fit the manifest, or it fails
        the golden window.
    """

    def __init__(self, release: ReleaseFolder, form: LiteFormat = FLOAT32) -> None:
        self.manifest: ReleaseManifest = release.manifest
        self._network = _load(release.read_artifact(form), self.manifest)
        check_golden(release, self.probabilities, rounded=form == INT8)

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


def _load(content: bytes, manifest: ReleaseManifest) -> LiteNetwork:
    try:
        network = LiteNetwork(content)
    except ValueError as error:
        raise ReleaseError(f"{manifest.release}: {error}") from error
    if network.input_shape != [1, manifest.steps, 3]:
        raise ReleaseError(
            f"{manifest.release}: the network takes {network.input_shape}, the manifest states {manifest.steps} x 3"
        )
    if network.output_shape != [1, len(manifest.classes)]:
        raise ReleaseError(
            f"{manifest.release}: the network returns {network.output_shape[1:]} classes, "
            f"the manifest names {len(manifest.classes)}"
        )
    return network
