import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.activity_styles import activity_style
from har.decisions import NO_THRESHOLDS, UNKNOWN, Thresholds, decide, decide_all, kinds_named
from har.predictions import Prediction
from har.release_documents import ReleaseError
from har.releases import decode_manifest, encode_manifest
from har.scoring import confusion_matrix, scores
from model_store.release_folder import open_release

CLASSES = ("sit", "walk", "stairsup")
KINDS = ("table", "jump")
MANIFEST = open_release("baseline").manifest


SHARES = st.floats(0, 1) | st.floats(0, 1, width=32)


@given(
    st.integers(0, 2).flatmap(
        lambda kinds: st.lists(
            st.lists(st.floats(0, 1, width=32), min_size=3 + kinds, max_size=3 + kinds), min_size=1, max_size=8
        )
    ),
    st.builds(Thresholds, SHARES, SHARES, SHARES),
)
def test_one_window_and_many_are_decided_alike(rows, thresholds):
    probabilities = np.array(rows, np.float32)
    many = decide_all(probabilities, thresholds, len(CLASSES)).tolist()
    kinds = kinds_named(probabilities, thresholds, len(CLASSES)).tolist()
    one = [
        decide(dict(zip(CLASSES, row[:3], strict=True)), thresholds, dict(zip(KINDS, row[3:], strict=False)))
        for row in probabilities.tolist()
    ]
    assert [(*CLASSES, UNKNOWN)[number] for number in many] == [decision.activity for decision in one]
    assert [(*CLASSES, *KINDS, None)[number] for number in kinds] == [decision.kind for decision in one]


@pytest.mark.parametrize(
    ("background", "activity", "kind"),
    [
        ({"table": 0.25, "jump": 0.25}, "sit", None),  # exactly the largest share
        ({"table": 0.375, "jump": 0.25}, UNKNOWN, None),  # too much, but no kind is sure
        ({"table": 0.5, "jump": 0.25}, UNKNOWN, "table"),
        ({"jump": 0.5, "table": 0.5}, UNKNOWN, "jump"),  # of equal ones, the first
        ({}, "sit", None),
    ],
)
def test_too_much_background_is_unknown_and_a_sure_kind_is_named(background, activity, kind):
    decision = decide({"sit": 0.25, "walk": 0.125}, Thresholds(0.0, 0.5, 0.5), background)
    assert decision == (activity, 0.25 if activity == "sit" else 0.75, kind)


def test_a_class_below_its_threshold_is_unknown_with_a_kind_only_if_one_is_sure():
    thresholds = Thresholds(0.5, 0.75, 0.375)
    assert decide({"sit": 0.375, "walk": 0.25}, thresholds, {"table": 0.375}) == (UNKNOWN, 0.625, "table")
    assert decide({"sit": 0.375, "walk": 0.375}, thresholds, {"table": 0.25}) == (UNKNOWN, 0.625, None)


@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3))
def test_without_a_threshold_the_first_of_the_largest_wins(row):
    decision = decide(dict(zip(CLASSES, row, strict=True)), NO_THRESHOLDS)
    assert decision == (CLASSES[int(np.argmax(row))], max(row), None)


def test_unknown_predictions_count_as_wrong_and_as_no_class():
    confusion = confusion_matrix(np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1]), 2, unknown=True)
    found = scores(confusion, ["sit", "walk"])
    assert found.accuracy == 0.75
    assert (found.per_class["sit"].precision, found.per_class["sit"].recall) == (1.0, 0.5)
    assert found.per_class["walk"].f1 == 1.0


@pytest.mark.parametrize("changes", [{"classes": ["sit", UNKNOWN]}, {"decision_threshold": 1.0},
                                     {"decision_threshold": -0.1}])  # fmt: skip
def test_a_manifest_with_an_invalid_threshold_or_class_is_rejected(changes):
    with pytest.raises(ReleaseError, match=r"unknown|threshold"):
        decode_manifest(encode_manifest(msgspec.structs.replace(MANIFEST, **changes)))


def test_a_manifest_states_whether_a_release_is_personal():
    assert not MANIFEST.personal
    personal = msgspec.structs.replace(MANIFEST, personal=True)
    assert decode_manifest(encode_manifest(personal)).personal


def predicted(second: int, activity: str, walk: float) -> Prediction:
    rest = (1 - walk) / 2
    start = second * 1_000_000
    probabilities = {"sit": rest, "walk": walk, "stairsup": rest}
    return Prediction("d", "s", start, start + 4_000_000, activity, walk, probabilities, "r", start)


def decided(second: int, walk: float, threshold: float = 0.6) -> Prediction:
    prediction = predicted(second, "", walk)
    activity, confidence, _ = decide(prediction.probabilities, Thresholds(threshold))
    return msgspec.structs.replace(prediction, activity=activity, confidence=confidence)


def test_only_unknown_matches_a_label_that_is_no_class():
    assert decided(0, 0.9).matches("walk")
    assert not decided(0, 0.9).matches("null")
    assert decided(0, 0.5).matches("null")
    assert not decided(0, 0.5).matches("walk")


def test_unknown_has_its_own_style():
    style = activity_style(UNKNOWN)
    assert style.title == "Unknown"
    assert style.colour != activity_style("jumping_jacks").colour
