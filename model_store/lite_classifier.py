"""Classifying windows with a release's LiteRT artifact, as devices do: small, and without TensorFlow."""

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
    """A release that has passed its golden window and is ready to classify, window by window.

    One thread uses it at a time.

    Parameters
    ----------
    release : ReleaseFolder
        The release; its artifact is verified before it is parsed.
    form : {'litert-float32', 'litert-int8'}
        Which artifact; with weights of eight bits, answers are those of float32 on most windows
        (`har.releases.Artifact.same_answer` says on how many).

    Raises
    ------
    ReleaseError
        If a file is not what the manifest says, the network cannot be loaded or does not fit the manifest, or its
        answer for the golden window is wrong.
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
        answers = np.empty((len(windows), len(self.manifest.classes)), np.float32)
        for number, window in enumerate(self.manifest.normalisation.apply(windows)):
            # The LSTM layers keep their state in variables, which would carry over from window to window.
            self._interpreter.reset_all_variables()
            self._interpreter.set_tensor(self._input, window[None])
            self._interpreter.invoke()
            answers[number] = self._interpreter.get_tensor(self._output)[0]
        return answers


def _load(content: bytes, manifest: ReleaseManifest) -> tuple[Any, int, int]:
    try:
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    except Exception as error:  # ValueError and RuntimeError so far, depending on what is wrong
        raise ReleaseError(f"{manifest.release}: LiteRT cannot load the network: {error}") from error
    if len(inputs) != 1 or len(outputs) != 1:
        raise ReleaseError(f"{manifest.release}: the network must have one input and one output")
    takes, gives = inputs[0]["shape"].tolist(), outputs[0]["shape"].tolist()
    if takes != [1, manifest.steps, 3]:
        raise ReleaseError(f"{manifest.release}: the network takes {takes}, the manifest says {manifest.steps} x 3")
    if gives != [1, len(manifest.classes)]:
        raise ReleaseError(
            f"{manifest.release}: the network answers {gives[1:]} classes, the manifest names {len(manifest.classes)}"
        )
    return interpreter, inputs[0]["index"], outputs[0]["index"]
