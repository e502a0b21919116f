import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.activities import activity_style
from har.answers import UNKNOWN, decide, decide_all
from har.predictions import ActivitySmoother, Prediction, activity_spans
from har.releases import ReleaseError, decode_manifest, encode_manifest
from har.scoring import confusion_matrix, scores
from model_store.release_folder import open_release

CLASSES = ("sit", "walk", "stairsup")
MANIFEST = open_release("baseline").manifest


@given(
    st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=8),
    st.floats(0, 1) | st.floats(0, 1, width=32),
)
def test_one_window_and_many_are_decided_alike(rows, threshold):
    probabilities = np.array(rows, np.float32)
    many = decide_all(probabilities, threshold).tolist()
    one = [decide(dict(zip(CLASSES, row, strict=True)), threshold).activity for row in probabilities.tolist()]
    assert [(*CLASSES, UNKNOWN)[number] for number in many] == one


@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3))
def test_with_no_threshold_the_first_of_the_largest_always_counts(row):
    decision = decide(dict(zip(CLASSES, row, strict=True)), 0.0)
    assert decision == (CLASSES[int(np.argmax(row))], max(row))


def test_unknown_answers_count_as_wrong_and_as_no_class():
    confusion = confusion_matrix(np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1]), 2, unknown=True)
    found = scores(confusion, ["sit", "walk"])
    assert found.accuracy == 0.75
    assert (found.per_class["sit"].precision, found.per_class["sit"].recall) == (1.0, 0.5)
    assert found.per_class["walk"].f1 == 1.0


@pytest.mark.parametrize("changes", [{"classes": ["sit", UNKNOWN]}, {"decision_threshold": 1.0},
                                     {"decision_threshold": -0.1}])  # fmt: skip
def test_a_manifest_that_nothing_could_be_answered_by_is_rejected(changes):
    with pytest.raises(ReleaseError, match=r"unknown|threshold"):
        decode_manifest(encode_manifest(msgspec.structs.replace(MANIFEST, **changes)))


def test_a_release_says_whether_it_is_personal_and_old_ones_are_not():
    assert not MANIFEST.personal
    personal = msgspec.structs.replace(MANIFEST, personal=True)
    assert decode_manifest(encode_manifest(personal)).personal


def said(second: int, activity: str, walk: float) -> Prediction:
    rest = (1 - walk) / 2
    start = second * 1_000_000
    probabilities = {"sit": rest, "walk": walk, "stairsup": rest}
    return Prediction("d", "s", start, start + 4_000_000, activity, walk, probabilities, "r", start)


def answered(second: int, walk: float, threshold: float = 0.6) -> Prediction:
    prediction = said(second, "", walk)
    activity, confidence = decide(prediction.probabilities, threshold)
    return msgspec.structs.replace(prediction, activity=activity, confidence=confidence)


def test_one_unknown_window_does_not_flicker_and_several_are_shown():
    walks = [0.9, 0.9, 0.5, 0.9, 0.9, 0.5, 0.5, 0.5, 0.5, 0.9, 0.9, 0.9]
    smoother = ActivitySmoother()
    shown = [smoother.update(answered(second, walk)) for second, walk in enumerate(walks)]
    assert [steady.activity for steady in shown[:6]] == ["walk"] * 6
    assert shown[8].activity == UNKNOWN
    assert shown[8].confidence == pytest.approx(0.5)
    assert shown[-1].activity == "walk"
    spans = activity_spans(answered(second, walk) for second, walk in enumerate(walks))
    assert [span.activity for span in spans] == ["walk", UNKNOWN, "walk"]


def test_a_prediction_is_right_about_what_is_no_class_only_if_unknown():
    assert answered(0, 0.9).says("walk")
    assert not answered(0, 0.9).says("null")
    assert answered(0, 0.5).says("null")
    assert not answered(0, 0.5).says("walk")


def test_unknown_is_shown_in_a_look_of_its_own():
    style = activity_style(UNKNOWN)
    assert style.title == "Unknown"
    assert style.colour != activity_style("jumping_jacks").colour
