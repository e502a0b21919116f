import dataclasses

import msgspec
import numpy as np
import pytest

from har.release_documents import ReleaseError
from har.windowing import WindowSpec
from tests.trainer.made_recordings import made_recording
from tests.trainer.made_releases import SPEC, made_release
from trainer.evaluation.validation import ValidationError, read_validation, validate, write_validation_report
from trainer.freezing.budgets import Budget
from trainer.gate.judgement import GateError, GateResult
from trainer.gate.limits import GateLimits
from trainer.gate.releases import gate_release
from trainer.preparation.in_process import prepare_in_process
from trainer.preparation.plan import VALIDATION, PreparationPlan
from trainer.preparation.shards import ShardError
from trainer.runs.preparation import warnings_of

PLAN = PreparationPlan(
    classes=("sit", "walk"),
    training_windows=WindowSpec(steps=60, hop_us=500_000),
    windows=SPEC,
    held_out_share=0.5,
    shards=2,
)
LIMITS = GateLimits(resamples=1_000, formats={"onnx": Budget(bytes=10_000, largest_difference=1e-4)})


def people(count=16, labels=("sit", "walk", "null")):
    return [made_recording(f"u{number:02}", seconds=45, labels=labels) for number in range(count)]


def by_sway(windows):
    """Predict walk with confidence where the signal sways, else sit; with little confidence where it hardly sways."""
    sway = windows.std(axis=1).mean(axis=1)
    sure = np.where(sway > 1, 0.99, np.where(sway < 0.06, 0.95, 0.6)).astype(np.float32)
    walk = np.where(sway > 1, sure, 1 - sure)
    return np.stack([1 - walk, walk], axis=1).astype(np.float32)


@pytest.fixture
def prepared(tmp_path):
    def prepare(recordings, **changes):
        plan = msgspec.structs.replace(PLAN, **changes)
        folder = tmp_path / f"prepared-{len(list(tmp_path.iterdir()))}"
        return folder, prepare_in_process({"made": recordings}, plan, folder)

    return prepare


def test_a_network_is_measured_on_held_out_windows_of_all_labels(prepared, tmp_path):
    folder, index = prepared(people())
    held_out = read_validation(folder)
    found = validate(by_sway, held_out)
    assert set(found.outcomes.people.tolist()) == set(index.windows(VALIDATION))
    assert found.outcomes.labels == ("sit", "walk", "null")
    assert found.scores.accuracy >= 0.9
    assert found.scores.threshold == found.choice.threshold > 0.5
    assert (found.outcomes.truth == 2).any()  # classified, but not counted: they may show any activity
    assert found.scores.unknown.outside_windows == 0
    assert not found.warning
    write_validation_report(tmp_path / "report.html", "A network", found, {"network": "sway"})
    assert "Held-out users" in (tmp_path / "report.html").read_text("utf-8")


def test_with_few_people_the_ends_of_runs_are_held_out_with_a_warning(prepared):
    folder, _ = prepared(people(2))
    found = validate(by_sway, read_validation(folder))
    assert set(found.outcomes.people.tolist()) == {"made/u00", "made/u01"}
    assert "Too few people" in found.warning


def test_missing_held_out_windows_are_an_error(prepared):
    folder, _ = prepared(people(labels=("sit", "walk")), held_out_share=0.0)
    with pytest.raises(ValidationError, match="no held-out window of 1 s is labelled sit, walk"):
        read_validation(folder)
    short = [made_recording("u00", seconds=8), made_recording("u01", seconds=200, labels=("sit",))]
    folder, _ = prepared(short, held_out_share=0.2)
    with pytest.raises(ValidationError, match="labelled walk: record more of it"):
        read_validation(folder)


def test_who_shows_none_of_the_classes_is_not_among_the_people_who_are_tested(prepared):
    folder, index = prepared([*people(3), made_recording("u99", seconds=45, labels=("null",))])
    [of_people] = read_validation(folder).doubts({})
    assert "tests each of the 3 people" in of_people
    assert "made/u99 has no labelled windows, which is too few to train or validate on" in warnings_of(index)


def test_a_network_that_is_never_right_has_no_threshold(prepared):
    folder, _ = prepared(people(6))
    with pytest.raises(ValidationError, match="cannot choose a threshold"):
        validate(lambda windows: by_sway(windows)[:, ::-1], read_validation(folder))


def test_predictions_that_are_not_finite_are_rejected(prepared):
    def broken(windows):
        probabilities = by_sway(windows)
        probabilities[0] = np.nan
        return probabilities

    folder, _ = prepared(people())
    with pytest.raises(ValidationError, match=r"predictions for \d+ of \d+ held-out windows are not finite"):
        validate(broken, read_validation(folder))


def test_a_corrupt_shard_is_named(prepared):
    folder, index = prepared(people(6))
    file = folder / index.of(VALIDATION)[0].file
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ShardError, match="corrupt") as raised:
        read_validation(folder)
    assert file.name in str(raised.value)


def test_a_better_release_passes_the_gate_and_the_same_one_does_not(prepared, tmp_path):
    folder, index = prepared(people())
    held_out = read_validation(folder)
    bad = made_release(tmp_path / "bad", border=0.3)  # everything seems to sit still
    good = made_release(tmp_path / "good")
    same = made_release(tmp_path / "same")
    first = gate_release(good, None, held_out, LIMITS)
    assert first.passed, first.reason
    better = gate_release(good, bad, held_out, LIMITS)
    assert better.passed, better.reason
    assert better.people == sorted(index.windows(VALIDATION))
    rejected = gate_release(same, good, held_out, LIMITS)
    assert rejected.reason.startswith("The candidate fails: better than the current release (0, must be > 0")
    assert msgspec.json.decode((same / "gate.json").read_bytes(), type=GateResult) == rejected


def test_classes_are_compared_by_name(prepared, tmp_path):
    folder, _ = prepared(people())
    good = made_release(tmp_path / "good")
    # The same network, called by the wrong names: it is always wrong.
    swapped = made_release(tmp_path / "swapped", classes=["walk", "sit"])
    result = gate_release(good, swapped, read_validation(folder), LIMITS)
    assert result.passed, result.reason
    (sitting,) = [check for check in result.checks if check.name == "class sit"]
    assert sitting.detail == "F1; current release 0.0000"


def test_people_that_a_release_was_trained_on_are_not_compared(prepared, tmp_path):
    folder, index = prepared(people())
    validating = sorted(index.windows(VALIDATION))
    knows = made_release(tmp_path / "knows", border=0.3, training_users=validating[:-2])
    result = gate_release(made_release(tmp_path / "good"), knows, read_validation(folder), LIMITS)
    assert not result.passed
    assert result.people == validating[-2:]
    assert "comparable people (2, must be >= 5" in result.reason


def test_a_personal_release_is_compared_by_session(prepared, tmp_path):
    sessions = [made_recording("u00", session=f"s{number}", seed=number) for number in range(6)]
    held_out = read_validation(prepared(sessions)[0])
    old = made_release(tmp_path / "old", border=0.3, personal=True, training_users=["made/u00"])
    new = made_release(tmp_path / "new", personal=True, training_users=["made/u00"])
    result = gate_release(new, old, held_out, LIMITS)
    assert result.passed, result.reason
    assert result.people == [f"made/u00, session s{number}" for number in range(6)]
    for_all = made_release(tmp_path / "for_all", border=0.3)
    assert "personal like the current release" in gate_release(new, for_all, held_out, LIMITS).reason


def test_incomparable_releases_are_rejected_with_the_reason(prepared, tmp_path):
    held_out = read_validation(prepared(people(6))[0])
    good = made_release(tmp_path / "good")
    with pytest.raises(GateError, match="was not trained on these recordings"):
        gate_release(made_release(tmp_path / "personal", personal=True), None, held_out, LIMITS)
    other = dataclasses.replace(held_out, spec=WindowSpec(steps=50, hop_us=500_000))
    with pytest.raises(GateError, match="classifies other windows"):
        gate_release(good, None, other, LIMITS)
    with pytest.raises(ReleaseError, match="no release at"):
        gate_release(good, tmp_path / "nowhere", held_out, LIMITS)
