import numpy as np
import pytest

from har.scoring import confusion_matrix, scores


def test_scores_follow_the_usual_definitions():
    # 3 of class a (2 right), 2 of b (both right), none of c, which was predicted once.
    confusion = confusion_matrix(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 2, 1, 1]), 3)
    result = scores(confusion, ["a", "b", "c"])
    assert result.accuracy == pytest.approx(0.8)
    assert result.per_class["a"].recall == pytest.approx(2 / 3)
    assert result.per_class["a"].precision == 1
    assert result.per_class["a"].f1 == pytest.approx(0.8)
    assert result.per_class["c"].f1 == 0
    assert result.macro_f1 == pytest.approx(0.9)  # c does not occur


def test_nothing_to_score_is_an_error():
    with pytest.raises(ValueError, match="no window"):
        scores(np.zeros((2, 2), np.int64), ["a", "b"])
