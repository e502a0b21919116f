"""A release in scikit-learn's pipelines, scores and checks."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.metrics import classification_report
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

import har
from har.recordings import RecordingError
from tests.model_store.made_store import background_release, copied_release


@pytest.fixture(scope="module")
def windows() -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.normal([0, 9.8, 0], np.linspace(0.02, 3, 12)[:, None, None], (12, 200, 3)).astype(np.float32)


def test_probabilities_and_activities_are_those_of_the_release(windows: np.ndarray) -> None:
    model, estimator = har.load(), har.ActivityClassifier()
    table = model.predict(windows)
    assert estimator.predict(windows).tolist() == table["activity"].tolist()
    assert estimator.predict_proba(windows).tolist() == table[[f"p_{name}" for name in model.classes]].values.tolist()
    assert estimator.classes_.tolist() == model.classes
    assert estimator.predict(windows.reshape(12, 600)).tolist() == estimator.predict(windows).tolist()
    always = har.ActivityClassifier(threshold=0).predict(windows)
    assert always.tolist() == estimator.classes_[estimator.predict_proba(windows).argmax(axis=1)].tolist()
    assert set(har.ActivityClassifier(threshold=1.01).predict(windows)) == {"unknown"}
    assert len(estimator.predict(windows[:0])) == 0


def test_a_score_takes_any_name_of_a_label(windows: np.ndarray) -> None:
    estimator = har.ActivityClassifier()
    names = {"sit": "Sitting", "stand": "standing", "unknown": "tai chi"}
    labels = [names.get(name, name) for name in estimator.predict(windows)]
    assert estimator.score(windows, labels) == 1.0
    assert estimator.score(windows, ["no such thing"] * 11 + labels[11:], sample_weight=[0] * 11 + [1]) == 1.0


def test_it_works_in_a_pipeline_and_in_cross_validation(windows: np.ndarray) -> None:
    estimator = har.ActivityClassifier(threshold=0)
    labels = np.where(np.arange(12) % 2, "walk", "sit")
    pipeline = make_pipeline(FunctionTransformer(lambda in_g: in_g * np.float32(9.80665)), estimator)
    in_g = windows / np.float32(9.80665)
    assert is_classifier(pipeline)
    assert pipeline.fit(in_g, labels).predict(in_g).tolist() == estimator.predict(windows).tolist()
    flat = windows.reshape(12, 600)
    found = cross_validate(estimator, flat, labels, cv=3, scoring=["accuracy"], error_score="raise")
    assert np.mean(found["test_accuracy"]) == estimator.score(windows, labels)
    assert "accuracy" in classification_report(labels, pipeline.predict(in_g), zero_division=0)


def test_a_copy_has_the_parameters_only(tmp_path: Path, windows: np.ndarray) -> None:
    estimator = har.ActivityClassifier(copied_release(tmp_path, "mine"), threshold=0.2)
    estimator.fit(windows)
    for copied in (clone(estimator), pickle.loads(pickle.dumps(estimator))):
        assert copied.get_params() == estimator.get_params()
        assert copied.predict(windows).tolist() == estimator.predict(windows).tolist()
    assert len(pickle.dumps(estimator)) < 1_000
    assert repr(har.ActivityClassifier(threshold=0.2)) == "ActivityClassifier(threshold=0.2)"


def test_another_release_is_opened_once_it_is_named(tmp_path: Path) -> None:
    estimator = har.ActivityClassifier()
    assert len(estimator.classes_) == 7
    estimator.set_params(release=tmp_path / "nowhere")
    with pytest.raises(har.ReleaseError, match="no release at"):
        estimator.predict(np.zeros((1, 200, 3)))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda it: it.predict(np.zeros((2, 3))), r"windows have the shape \(n, 200, 3\) or \(n, 600\), not \(2, 3\)"),
        (lambda it: it.predict(np.full((1, 200, 3), np.nan)), r"1 window\(s\) hold NaN or infinity"),
        (lambda it: it.fit(np.zeros((2, 600)), ["sit"]), "2 windows need as many labels, not 1"),
        (lambda it: it.set_params(hop=1), "no parameter hop; there are release, threshold, force"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(call: Callable[[har.ActivityClassifier], object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call(har.ActivityClassifier())


def test_wrong_windows_are_a_recording_error() -> None:
    with pytest.raises(RecordingError):
        har.ActivityClassifier().predict(np.zeros((2, 3)))


#: Those of scikit-learn's checks that fit on two or ten columns cannot hold for a network with windows of 600 numbers.
CHECKS = (
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_fit1d",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_supervised_y_no_nan",
    "check_valid_tag_types",
)


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_of_scikit_learn_passes(name: str) -> None:
    getattr(estimator_checks, name)("ActivityClassifier", har.ActivityClassifier())


def test_the_kinds_of_background_are_no_classes_but_count(windows: np.ndarray, tmp_path: Path) -> None:
    known = background_release(tmp_path, "known")
    model, estimator = har.load(known), har.ActivityClassifier(known)
    outputs = model.output_probabilities(windows)
    classes = len(model.classes)
    assert outputs.shape == (12, len(model.manifest.outputs)) > (12, classes)
    of_classes = outputs[:, :classes].tolist()
    assert estimator.predict_proba(windows).tolist() == model.probabilities(windows).tolist() == of_classes
    table = model.predict(windows)
    assert estimator.predict(windows).tolist() == table["activity"].tolist()
    assert (table["activity"][outputs[:, classes:].sum(axis=1) > 0.376] == "unknown").all()
    assert set(table["kind"]) <= {"", *model.manifest.kinds}
    assert "unknown" not in har.ActivityClassifier(known, threshold=0).predict(windows)
