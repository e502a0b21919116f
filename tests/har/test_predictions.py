import msgspec
import numpy as np
import pytest

from har.background import Background, kinds_of
from har.predictions import Prediction, decode_prediction, encode_prediction
from tests.har.test_releases import manifest


def test_a_prediction_survives_the_wire():
    probabilities = {"sit": 1 / 3, "stand": 1 / 3, "walk": 1 / 3}
    prediction = Prediction("d", "s", 7_000_000, 11_000_000, "walk", 1 / 3, probabilities, "r", 7_000_000)
    assert decode_prediction(encode_prediction(prediction)) == prediction
    assert prediction.key == ("d", "s", 7_000_000)


@pytest.mark.parametrize("message", [b"", b"{}", b"[1]", b'{"device": 3}'])
def test_an_invalid_prediction_is_an_error(message):
    with pytest.raises(msgspec.MsgspecError):
        decode_prediction(message)


def test_a_window_that_was_not_classified_is_unknown_with_its_reason():
    release = manifest(classes=["sit", "stand", "walk", "stairs"])
    prediction = Prediction.of_unclassified(release, "d", "s", 7_000_000, "sparse", 12_000_000)
    assert decode_prediction(encode_prediction(prediction)) == prediction
    assert (prediction.activity, prediction.reason) == ("unknown", "sparse")
    assert prediction.probabilities == dict.fromkeys(release.classes, 0.25)
    assert (prediction.confidence, prediction.end) == (0.75, 11_000_000)


def test_an_older_prediction_without_a_reason_is_read():
    probabilities = {"sit": 0.5, "walk": 0.5}
    older = msgspec.json.decode(
        encode_prediction(Prediction("d", "s", 7_000_000, 11_000_000, "sit", 0.5, probabilities, "r", 7_000_000))
    )
    assert older.pop("reason") is None
    assert decode_prediction(msgspec.json.encode(older)).reason is None


def test_a_prediction_has_the_probabilities_of_background_and_a_kind_that_is_sure():
    release = manifest(background=Background(kinds_of(["table", "jump"]), 0.375))
    row = np.array([0.25, 0.125, 0.5, 0.125], np.float32)
    prediction = Prediction.of_window(release, "d", "s", 7_000_000, row, 12_000_000)
    assert decode_prediction(encode_prediction(prediction)) == prediction
    assert (prediction.activity, prediction.confidence, prediction.kind) == ("unknown", 0.75, "table")
    assert prediction.probabilities == {"sit": 0.25, "walk": 0.125}
    assert prediction.background == {"table": 0.5, "jump": 0.125}


def test_an_older_prediction_without_background_is_read():
    probabilities = {"sit": 0.5, "walk": 0.5}
    made = Prediction("d", "s", 7_000_000, 11_000_000, "sit", 0.5, probabilities, "r", 7_000_000)
    older = msgspec.json.decode(encode_prediction(made))
    assert (older.pop("kind"), older.pop("background")) == (None, {})
    assert decode_prediction(msgspec.json.encode(older)) == made
