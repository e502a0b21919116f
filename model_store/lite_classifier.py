"""Classify windows with a release's LiteRT artifact, without TensorFlow. Used on devices."""

from typing import Any, Literal

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from har.releases import ReleaseError, ReleaseManifest
from model_store.golden_check import check_golden
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
        `har.releases.Artifact.same_answer`.

    Raises
    ------
    ReleaseError
        If a file differs from the manifest, the network cannot be loaded or does not fit the manifest, or it fails
        the golden window.
    """

    def __init__(self, release: ReleaseFolder, form: LiteFormat = FLOAT32) -> None:
        self.manifest: ReleaseManifest = release.manifest
        self._interpreter, self._input, self._output = _load(release.read_artifact(form), self.manifest)
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
        results = np.empty((len(windows), len(self.manifest.classes)), np.float32)
        for number, window in enumerate(self.manifest.normalisation.apply(windows)):
            # The LSTM layers keep their state in variables, which must not carry over to the next window.
            self._interpreter.reset_all_variables()
            self._interpreter.set_tensor(self._input, window[None])
            self._interpreter.invoke()
            results[number] = self._interpreter.get_tensor(self._output)[0]
        return results


def _load(content: bytes, manifest: ReleaseManifest) -> tuple[Any, int, int]:
    try:
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    except Exception as error:  # LiteRT documents no exception types; ValueError and RuntimeError were seen
        raise ReleaseError(f"{manifest.release}: LiteRT cannot load the network: {error}") from error
    if len(inputs) != 1 or len(outputs) != 1:
        raise ReleaseError(f"{manifest.release}: the network must have one input and one output")
    input_shape, output_shape = inputs[0]["shape"].tolist(), outputs[0]["shape"].tolist()
    if input_shape != [1, manifest.steps, 3]:
        raise ReleaseError(
            f"{manifest.release}: the network takes {input_shape}, the manifest states {manifest.steps} x 3"
        )
    if output_shape != [1, len(manifest.classes)]:
        raise ReleaseError(
            f"{manifest.release}: the network returns {output_shape[1:]} classes, "
            f"the manifest names {len(manifest.classes)}"
        )
    return interpreter, inputs[0]["index"], outputs[0]["index"]
