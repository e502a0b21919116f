import msgspec
import pytest

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
