import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.audit.findings import compare
from deploy.audit.prediction_watch import SeenMessages
from deploy.audit.reference import DeviceReference, ExpectedPrediction, LostBatch, Reference, UnfoundedRejection
from deploy.audit.text import describe
from har.decisions import Thresholds, decide
from har.predictions import Prediction, encode_prediction
from har.windowing import WindowSpec

SECOND = 1_000_000
LENGTH = WindowSpec().length_us
CLASSES = ("sit", "walk")


def predicted(key, walk: float, *, release: str = "r1", arrived: int = 50 * SECOND) -> Prediction:
    device, session, start = key
    probabilities = {"sit": 1 - walk, "walk": walk}
    best = max(probabilities, key=lambda name: probabilities[name])
    return Prediction(
        device, session, start, start + LENGTH, best, probabilities[best], probabilities, release, arrived
    )


def reference_of(keys, walk: float = 0.75, *, due=lambda key: True) -> Reference:
    reference = Reference("r1", CLASSES, LENGTH)
    for key in keys:
        device = reference.devices.setdefault(key[0], DeviceReference())
        device.predictions[key] = ExpectedPrediction((1 - walk, walk), due(key))
    return reference


def seen_of(predictions) -> SeenMessages:
    seen = SeenMessages()
    for prediction in predictions:
        seen.add(encode_prediction(prediction), 60 * SECOND)
    return seen


def keys_of(windows: int = 4, devices: int = 2):
    return [(f"phone-{d}", "s1", n * SECOND) for d in range(devices) for n in range(1, windows + 1)]


def counts(found) -> dict[str, int]:
    return {name: finding.count for name, finding in found.faults.items() if finding.count}


FATES = ("kept", "dropped", "doubled", "altered", "of another release")


@given(st.lists(st.sampled_from(FATES), min_size=12, max_size=12), st.integers(0, 3))
@settings(deadline=None)
def test_every_fault_is_counted_once_under_its_name(fates, invented):
    keys = keys_of(6)
    predictions = []
    for key, fate in zip(keys, fates, strict=True):
        if fate != "dropped":
            predictions.append(
                predicted(key, 0.76 if fate == "altered" else 0.75, release="r2" if "release" in fate else "r1")
            )
        if fate == "doubled":
            predictions.append(predictions[-1])
    predictions += [predicted(("phone-9", "s1", n * SECOND), 0.75) for n in range(invented)]
    found = compare(reference_of(keys), seen_of(predictions))
    expected = {
        "windows missing": fates.count("dropped"),
        "windows differing": fates.count("altered"),
        "windows extra": invented,
    }
    assert counts(found) == {name: count for name, count in expected.items() if count}
    assert found.predictions_repeated == fates.count("doubled")
    assert found.windows_of_other_releases == fates.count("of another release")
    assert found.is_clean is not (set(fates) & {"dropped", "altered"} or invented > 0)


@given(st.permutations(range(1, 7)))
def test_a_window_first_predicted_after_a_later_one_is_out_of_order(order):
    keys = [("phone-1", "s1", n * SECOND) for n in order]
    found = compare(reference_of(keys), seen_of(predicted(key, 0.75) for key in keys))
    late = sum(number < max(order[: place + 1]) for place, number in enumerate(order))
    assert counts(found) == ({"windows out of order": late} if late else {})


def test_devices_and_sessions_have_orders_of_their_own_and_a_second_reading_is_no_disorder():
    keys = keys_of()
    other = [("phone-1", "s0", SECOND)]
    found = compare(
        reference_of(keys + other), seen_of(predicted(key, 0.75) for key in [*reversed(other), *keys, *keys])
    )
    assert found.is_clean
    assert found.predictions_repeated == len(keys)


def test_the_newest_answer_counts_and_two_of_one_release_must_agree():
    (key, *_) = keys = keys_of(1, 1)
    wrong_first = compare(reference_of(keys), seen_of([predicted(key, 0.5), predicted(key, 0.75)]))
    assert counts(wrong_first) == {"windows contradicted": 1}
    swapped = compare(reference_of(keys), seen_of([predicted(key, 0.5, release="r0"), predicted(key, 0.75)]))
    assert swapped.is_clean


@pytest.mark.parametrize(
    "change",
    [
        {"probabilities": {"sit": 0.25, "walk": float(np.nextafter(0.75, 1))}},
        {"confidence": 0.7500001},
        {"activity": "sit"},
        {"end": 1},
        {"probabilities": {"walk": 0.75}},
        {"probabilities": {"sit": 0.25, "walk": 0.75, "run": 0.0}},
    ],
)
def test_any_change_of_an_answer_is_seen(change):
    (key,) = keys_of(1, 1)
    altered = msgspec.structs.replace(predicted(key, 0.75), **change)
    assert counts(compare(reference_of([key]), seen_of([altered]))) == {"windows differing": 1}


def test_a_tolerance_forgives_what_is_within_it_and_no_more():
    keys = keys_of(1)
    answers = seen_of([predicted(keys[0], 0.4996), predicted(keys[1], 0.52)])
    found = compare(reference_of(keys, 0.5004), answers, tolerance=0.001)
    assert [example.device for example in found.differing.examples] == ["phone-1"]
    assert found.max_difference == pytest.approx(0.0196)
    assert compare(reference_of(keys, 0.5004), answers).differing.count == 2


def test_at_an_exact_tie_the_first_class_is_predicted_unless_a_tolerance_is_given():
    (key,) = keys_of(1, 1)
    other = seen_of([msgspec.structs.replace(predicted(key, 0.5), activity="walk")])
    assert counts(compare(reference_of([key], 0.5), other)) == {"windows differing": 1}
    assert compare(reference_of([key], 0.5), other, tolerance=0.001).is_clean


def test_optional_windows_may_be_predicted():
    keys = keys_of(4, 1)
    reference = reference_of(keys, due=lambda key: key[2] <= 2 * SECOND)
    without, with_one = (seen_of(predicted(key, 0.75) for key in keys[:count]) for count in (2, 3))
    assert compare(reference, without).is_clean
    assert compare(reference, with_one).is_clean
    assert compare(reference, with_one).windows_allowed == 1
    altered = seen_of([*(predicted(key, 0.75) for key in keys[:2]), predicted(keys[3], 0.9)])
    assert counts(compare(reference, altered)) == {"windows differing": 1}


def test_windows_from_before_the_log_are_not_reported_as_extra():
    reference = reference_of([("phone-1", "s1", 9 * SECOND)])
    reference.devices["phone-1"].cut_sessions["s1"] = 9 * SECOND
    reference.log_begins_us = 40 * SECOND
    answers = [predicted(("phone-1", "s1", n * SECOND), 0.75) for n in (3, 9, 10)]
    answers.append(predicted(("gone", "s1", SECOND), 0.75, arrived=39 * SECOND))
    answers.append(predicted(("never", "s1", SECOND), 0.75, arrived=41 * SECOND))
    found = compare(reference, seen_of(answers))
    assert found.windows_before_log == 2
    assert [(e.device, e.start) for e in found.extra.examples] == [("never", SECOND), ("phone-1", 10 * SECOND)]


def test_a_message_that_is_no_prediction_is_a_fault():
    seen = seen_of([])
    for message in (b"{}", b"\xff\xfe", None):
        seen.add(message, 0)
    assert counts(compare(reference_of([]), seen)) == {"messages undecodable": 3}


def test_the_text_names_the_places_of_faults():
    reference = reference_of(keys_of(8, 1))
    reference.devices["phone-0"].lost.append(LostBatch("phone-0", "s1", 17))
    reference.devices["phone-0"].unfounded.append(UnfoundedRejection("phone-0", "s1", 18, "internal"))
    text = describe(compare(reference, seen_of([])))
    assert "phone-0 s1 window 1000000 (1970-01-01 00:00:01 UTC)" in text
    assert "phone-0 s1 batch 17" in text
    assert "phone-0 s1 batch 18: internal" in text
    assert text.endswith("FAULTS: batches lost, batches rejected wrongly, windows missing")


@pytest.mark.parametrize(("log_begins_us", "faults"), [(0, 3), (SECOND, 1)])
def test_the_reason_of_a_rejection_may_be_before_the_log(log_begins_us, faults):
    reference = reference_of([("phone-0", "s1", SECOND)])
    reference.log_begins_us = log_begins_us
    rejections = [UnfoundedRejection("phone-0", "s1", 7, code) for code in ("internal", "conflict", "sequence")]
    reference.devices["phone-0"].unfounded += rejections
    found = compare(reference, seen_of([predicted(("phone-0", "s1", SECOND), 0.75)]))
    assert found.wrongly_rejected.count == faults
    assert "internal" in [example.detail for example in found.wrongly_rejected.examples]


def test_releases_and_their_changes_are_counted_by_device_in_the_order_of_event_time():
    keys = keys_of(4)
    once = [predicted(key, 0.75, release="r1" if key[2] <= 2 * SECOND else "r2") for key in keys]
    assert (found := compare(reference_of(keys), seen_of(once))).releases == {"r1": 4, "r2": 4}
    assert found.most_release_changes == 1
    to_and_fro = [predicted(key, 0.75, release="r1" if key[2] % (2 * SECOND) else "r2") for key in reversed(keys[:4])]
    assert compare(reference_of(keys), seen_of(once + to_and_fro)).most_release_changes == 3


KEY = ("phone-0", "s1", SECOND)


def with_background(walk: float, table: float, *, background: float = 0.375, kind: float = 0.5):
    """Return a reference for one window of a release that knows a table, and the prediction for it."""
    reference = reference_of([KEY])
    reference.kinds, reference.thresholds = ("table",), Thresholds(0.0, background, kind)
    of_classes = {"sit": 1 - walk - table, "walk": walk}
    expected = ExpectedPrediction((*of_classes.values(), table), is_due=True)
    reference.devices["phone-0"].predictions[KEY] = expected
    decided = decide(of_classes, reference.thresholds, {"table": table})
    made = msgspec.structs.replace(
        predicted(KEY, walk), **decided._asdict(), probabilities=of_classes, background={"table": table}
    )
    return reference, made


def test_kinds_of_background_are_expected_to_the_last_bit():
    reference, made = with_background(0.25, 0.625)
    assert (made.activity, made.kind) == ("unknown", "table")
    assert compare(reference, seen_of([made])).is_clean
    for change in (
        {"kind": None},
        {"background": {}},
        {"background": {"table": float(np.nextafter(0.625, 1))}},
        {"background": {"jump": 0.625}},
        {"activity": "walk", "confidence": 0.25, "kind": None},
    ):
        altered = msgspec.structs.replace(made, **change)
        assert counts(compare(reference, seen_of([altered]))) == {"windows differing": 1}, change


@pytest.mark.parametrize(
    ("table", "thresholds", "change", "is_tie"),
    [
        (0.375, {}, {"activity": "unknown", "confidence": 0.5}, True),  # the sum is at the largest share
        (0.25, {}, {"activity": "unknown", "confidence": 0.5}, False),
        (0.3755, {}, {"activity": "walk", "confidence": 0.5}, True),
        (0.4375, {}, {"activity": "walk", "confidence": 0.5}, False),
        (0.4375, {"kind": 0.4375}, {"kind": None}, True),  # the kind is at its threshold
        (0.4375, {"kind": 0.25}, {"kind": None}, False),
        (0.4375, {"kind": 0.438}, {"kind": "table"}, True),
        (0.4375, {"kind": 0.5}, {"kind": "table"}, False),
    ],
)
def test_ties_at_the_thresholds_of_background_are_forgiven_within_the_tolerance_only(table, thresholds, change, is_tie):
    reference, made = with_background(0.5, table, **thresholds)
    altered = seen_of([msgspec.structs.replace(made, **change)])
    assert compare(reference, altered, tolerance=0.001).is_clean == is_tie
    assert counts(compare(reference, altered)) == {"windows differing": 1}


def test_a_window_that_was_not_classified_has_no_background():
    reference, _ = with_background(0.25, 0.625)
    even = ExpectedPrediction((0.5, 0.5), is_due=True, reason="sparse")
    reference.devices["phone-0"].predictions[KEY] = even
    made = msgspec.structs.replace(predicted(KEY, 0.5), activity="unknown", confidence=0.5, reason="sparse")
    assert compare(reference, seen_of([made])).is_clean
