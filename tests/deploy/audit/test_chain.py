"""The audit computes what upright references give, from the beginning of each session."""

import msgspec
import numpy as np
import pytest

from deploy.audit.findings import compare
from deploy.audit.prediction_watch import SeenMessages
from deploy.audit.reference import DeviceReference, ExpectedPrediction, Reference
from har.personal_head import PersonalHead
from har.personal_index import head_for
from har.predictions import Prediction, encode_prediction
from har.session_references import JudgedWindow, judged, reference_after, reference_for
from har.upright import NO_REFERENCE, gravity_of
from har.upright_rule import UprightRule
from har.windowing import WindowSpec
from tests.har.test_releases import manifest

SECOND = 1_000_000
LENGTH = WindowSpec().length_us
CLASSES = ["sit", "stand", "walk", "stairs"]
RULE = UprightRule(needed=3)
MANIFEST = manifest(release="r1", classes=CLASSES, upright=RULE, decision_threshold=0.5)
PLAIN = msgspec.structs.replace(MANIFEST, release="plain", upright=None)
UPRIGHT, LEANING = np.array([[0, 0, 9.8]], np.float32), np.array([[5, 0, 8]], np.float32)
WALKING, STILL = np.array([0.02, 0.02, 0.94, 0.02], np.float32), np.array([0.45, 0.45, 0.05, 0.05], np.float32)

#: By second: the values of a window, what the network alone says, the release, and the arrival.
Windows = dict[int, tuple[np.ndarray, np.ndarray]]
WINDOWS: Windows = {second: (UPRIGHT, WALKING) for second in range(1, 6)}
WINDOWS |= {second: (LEANING, STILL) for second in range(6, 10)}


def expected(windows: Windows, *, begins_at: int = 0, is_cut: bool = False) -> Reference:
    reference = Reference("r1", tuple(CLASSES), LENGTH, thresholds=MANIFEST.thresholds, upright=RULE)
    device = reference.devices["phone"] = DeviceReference()
    for second, (values, row) in windows.items():
        if second >= begins_at:
            key = "phone", "s1", second * SECOND
            device.predictions[key] = ExpectedPrediction(tuple(row.tolist()), True, None, gravity_of(values))
    if is_cut:
        device.cut_sessions["s1"] = begins_at * SECOND
        reference.log_begins_us = 1
    return reference


def published(
    windows: Windows,
    *,
    loses_at: int = 0,
    plain: tuple[int, ...] = (),
    late: int = 0,
    heads: tuple[PersonalHead, ...] = (),
) -> list[Prediction]:
    """Return the predictions of a worker; it loses its state before a second, and some arrive `late` s later."""
    made: list[Prediction] = []
    before = None
    for second, (values, row) in windows.items():
        release = PLAIN if second in plain else MANIFEST
        arrived = second * SECOND + (late * SECOND if second >= 6 else 0)
        head = head_for(heads, release.release, arrived)
        of_window = release, "phone", "s1", second * SECOND, row, arrived
        alone = Prediction.of_window(*of_window, head=head, values=values)
        state = NO_REFERENCE if second == loses_at else reference_for(before, alone.start, arrived, LENGTH)
        made.append(judged(alone, release, values, state))
        before = JudgedWindow(alone.start, arrived, reference_after(made[-1]))
    return made


def seen_of(predictions: list[Prediction]) -> SeenMessages:
    seen = SeenMessages()
    for prediction in predictions:
        seen.add(encode_prediction(prediction), 60 * SECOND)
    return seen


def audited(reference: Reference, predictions: list[Prediction], **more):
    return compare(reference, seen_of(predictions), **more)


def test_a_right_chain_is_clean_and_its_windows_with_a_reference_are_counted():
    made = published(WINDOWS)
    found = audited(expected(WINDOWS), made)
    assert found.is_clean
    assert found.windows_with_reference == 6  # from the window after those that it is learned from
    assert made[-1].activity == "sit"
    assert made[-1].alone is not None


def test_a_worker_that_lost_a_sessions_state_is_found_from_there_on():
    found = audited(expected(WINDOWS), published(WINDOWS, loses_at=6))
    assert found.differing.count == 4
    assert found.differing.examples[0].start == 6 * SECOND


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"lean": None}, "the lean is None"),
        ({"alone": None}, "alone it is None"),
        ({"reference": NO_REFERENCE}, "the upright reference after it"),
        ({"lean": 0.5}, "differs by"),
    ],
)
def test_each_part_of_an_answer_is_compared(change, detail):
    made = published(WINDOWS)
    made[-1] = msgspec.structs.replace(made[-1], **change)
    found = audited(expected(WINDOWS), made)
    assert found.differing.count == 1
    assert detail in found.differing.examples[0].detail


def test_a_prediction_that_is_repeated_with_another_reference_contradicts_itself():
    made = published(WINDOWS)
    forgetful = msgspec.structs.replace(made[-1], reference=None)
    assert audited(expected(WINDOWS), [*made[:-1], forgetful, made[-1]]).contradicted.count == 1
    later = msgspec.structs.replace(made[-1], arrived=made[-1].arrived + 1)
    assert audited(expected(WINDOWS), [*made, later]).is_clean  # a batch that is sent twice arrives twice


@pytest.mark.parametrize("shown", [slice(None), slice(4, None)], ids=["with the one before", "from there on"])
def test_a_session_whose_beginning_is_gone_goes_on_from_the_first_published_state(shown):
    reference = expected(WINDOWS, begins_at=5, is_cut=True)
    assert audited(reference, published(WINDOWS)[shown]).is_clean
    found = audited(reference, published(WINDOWS, loses_at=8)[shown])
    assert found.differing.examples[0].start == 8 * SECOND


def test_a_group_that_began_to_read_in_the_middle_of_a_session_began_without_a_reference():
    reference = expected(WINDOWS, begins_at=5, is_cut=True)
    late = dict(list(WINDOWS.items())[4:])
    assert audited(reference, [*published(WINDOWS)[:4], *published(late)]).is_clean


def test_a_release_without_a_rule_leaves_the_state_to_the_next():
    made = published(WINDOWS, plain=(5, 6, 7))
    found = audited(expected(WINDOWS), made)
    assert found.is_clean
    assert found.windows_of_other_releases == 3
    assert made[-1].lean is not None


@pytest.mark.parametrize(("late", "with_reference"), [(580, 6), (600, 2)])
def test_a_pause_by_the_gateways_clock_ends_a_reference(late, with_reference):
    windows = {second: of for second, of in WINDOWS.items() if second <= 5}
    windows |= {second + 10: of for second, of in WINDOWS.items() if second > 5}
    found = audited(expected(windows), published(windows, late=late))
    assert found.is_clean
    assert found.windows_with_reference == with_reference


def test_with_a_tolerance_states_are_not_compared():
    made = published(WINDOWS)
    made[-1] = msgspec.structs.replace(made[-1], reference=None)
    assert audited(expected(WINDOWS), made, tolerance=0.01).is_clean
    assert audited(expected(WINDOWS), made).differing.count == 1
