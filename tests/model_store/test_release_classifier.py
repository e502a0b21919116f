"""A network that does not fit its release is rejected when it is loaded, whatever library runs it."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from har.background import Background, kinds_of
from har.predictions import Prediction
from har.release_documents import ReleaseError
from model_store.onnx_classifier import OnnxClassifier
from model_store.release_classifier import ReleaseClassifier
from model_store.release_folder import open_release
from tests.model_store.made_store import background_release, copied_release
from trainer.signal_bounds import TRAINED

BASELINE = open_release("baseline").manifest


@dataclass
class DeclaredNetwork:
    """A network that declares shapes, and returns rows of a width that may be another, or fails."""

    input_shape: Sequence[int | str] = (1, BASELINE.steps, 3)
    output_shape: Sequence[int | str] = (1, len(BASELINE.outputs))
    width: int = len(BASELINE.outputs)
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
        (
            DeclaredNetwork(output_shape=("windows", 2)),
            f"returns 2 probabilities, the manifest names {len(BASELINE.outputs)} classes and kinds",
        ),
        (DeclaredNetwork(width=1), rf"returned \(1,\) probabilities, the manifest names {len(BASELINE.outputs)}"),
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
    assert stated["signal_bounds"] == msgspec.to_builtins(TRAINED)


def test_a_network_without_outputs_for_the_background_is_rejected(tmp_path):
    known = copied_release(tmp_path, "known", background=Background(kinds_of(["table", "jump"]), 0.5))
    named = len(BASELINE.classes) + 2
    with pytest.raises(ReleaseError, match=rf"returns \d+ probabilities, the manifest names {named} classes and kinds"):
        ReleaseClassifier(open_release(known), "onnx", lambda content: DeclaredNetwork())


def test_a_release_with_background_predicts_as_its_manifest_says(tmp_path):
    network = OnnxClassifier.open(str(background_release(tmp_path, "known")))
    windows = np.random.default_rng(1).normal([0, 9.8, 0], 2, (40, 200, 3)).astype(np.float32)
    rows = network.probabilities(windows)
    predictions = [Prediction.of_window(network.manifest, "d", "s", 0, row, 0) for row in rows]
    classes = len(BASELINE.classes)
    assert rows.shape == (40, len(BASELINE.outputs))
    for made, row in zip(predictions, rows.tolist(), strict=True):
        assert [*made.probabilities.values(), *made.background.values()] == row
        assert (made.activity == "unknown") == (sum(row[classes:]) > 0.375)
