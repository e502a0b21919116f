"""Classify windows with a release's LiteRT artifact, without TensorFlow. Used on devices."""

from typing import Literal

from model_store.lite_network import LiteNetwork
from model_store.release_classifier import ReleaseClassifier
from model_store.release_folder import ReleaseFolder

LiteFormat = Literal["litert-float32", "litert-int8"]
FLOAT32: LiteFormat = "litert-float32"
INT8: LiteFormat = "litert-int8"


class LiteClassifier(ReleaseClassifier):
    """Classifier that runs a release's LiteRT artifact. Not thread-safe.

    Parameters
    ----------
    release : ReleaseFolder
        The release. Its artifact is verified before it is parsed.
    form : {'litert-float32', 'litert-int8'}
        Format of the artifact. With 8-bit weights, most predictions equal those of float32; the share is
        `har.artifacts.Artifact.same_prediction`.

    Raises
    ------
    ReleaseError
        See `ReleaseClassifier`.
    """

    def __init__(self, release: ReleaseFolder, form: LiteFormat = FLOAT32) -> None:
        super().__init__(release, form, LiteNetwork, rounded=form == INT8)
