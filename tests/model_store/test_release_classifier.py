"""A network that does not fit its release is rejected when it is loaded, whatever library runs it."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from har.release_documents import ReleaseError
from har.signal_quality import SignalBounds
from model_store.release_classifier import ReleaseClassifier
from model_store.release_folder import open_release

BASELINE = open_release("baseline").manifest


@dataclass
class DeclaredNetwork:
    """A network that declares shapes, and returns rows of a width that may be another, or fails."""

    input_shape: Sequence[int | str] = (1, BASELINE.steps, 3)
    output_shape: Sequence[int | str] = (1, len(BASELINE.classes))
    width: int = len(BASELINE.classes)
    error: Exception | None = None

    def probabilities(self, windows):
        if self.error is not None:
            raise self.error
        return np.full((len(windows), self.width), 1 / self.width, np.float32)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (DeclaredNetwork(input_shape=(4, BASELINE.steps, 3)), "takes 4 windows at once"),
        (DeclaredNetwork(input_shape=("windows", BASELINE.steps, 6)), "takes windows of 200 x 6"),
        (DeclaredNetwork(output_shape=("windows", 2)), "returns 2 classes, the manifest names 5"),
        (DeclaredNetwork(width=1), r"returned \(1,\) classes, the manifest names 5"),
        (DeclaredNetwork(error=ValueError("Dimension mismatch")), "fails on its golden window: Dimension mismatch"),
        (DeclaredNetwork(error=Exception("InvalidArgument")), "fails on its golden window: InvalidArgument"),
        (DeclaredNetwork(), f"^{BASELINE.release} fails its golden window"),
    ],
)
def test_a_network_that_does_not_fit_is_rejected(network, message):
    with pytest.raises(ReleaseError, match=message):
        ReleaseClassifier(open_release("baseline"), "onnx", lambda content: network)


def test_the_manifest_of_the_shipped_release_states_the_signal_bounds():
    stated = msgspec.json.decode((open_release("baseline").folder / "manifest.json").read_bytes())
    assert stated["signal_bounds"] == msgspec.to_builtins(SignalBounds())
