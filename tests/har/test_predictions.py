import msgspec
import pytest

from har.predictions import Prediction, decode_prediction, encode_prediction


def test_a_prediction_survives_the_wire():
    probabilities = {"sit": 1 / 3, "stand": 1 / 3, "walk": 1 / 3}
    prediction = Prediction("d", "s", 7_000_000, 11_000_000, "walk", 1 / 3, probabilities, "r", 7_000_000)
    assert decode_prediction(encode_prediction(prediction)) == prediction
    assert prediction.key == ("d", "s", 7_000_000)


@pytest.mark.parametrize("message", [b"", b"{}", b"[1]", b'{"device": 3}'])
def test_an_invalid_prediction_is_an_error(message):
    with pytest.raises(msgspec.MsgspecError):
        decode_prediction(message)
