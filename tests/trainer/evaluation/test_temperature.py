"""Scaling makes probabilities as sure as they are right, and changes no choice between two classes."""

import warnings

import numpy as np
import pytest

from trainer.evaluation.outcomes import Outcomes, join_outcomes
from trainer.evaluation.temperature import Scaling, best_scaling, fold_in, scaling_of, with_scaling

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow emits warnings during import
    import tf_keras


def predictions(sharpness: float, count: int = 20_000):
    """Probabilities of three outputs that are right as often as they say, made sharper by a power; and the truth."""
    rng = np.random.default_rng(0)
    honest = rng.dirichlet([1.0, 1.0, 1.0], count)
    truth = (rng.random(count)[:, None] > np.cumsum(honest, axis=1)).sum(axis=1)
    sharp = honest**sharpness
    return (sharp / sharp.sum(axis=1, keepdims=True)).astype(np.float32), truth.astype(np.int64), honest


def equal(count: int):
    return np.full(count, 1 / count)


@pytest.mark.parametrize("sharpness", [0.6, 1.0, 1.8])
def test_the_temperature_undoes_too_much_or_too_little_confidence(sharpness):
    probabilities, truth, honest = predictions(sharpness)
    scaling = best_scaling(probabilities, truth, equal(len(truth)))
    assert scaling.temperature == pytest.approx(sharpness, rel=0.06)
    assert scaling.background == 0
    calibrated = with_scaling(probabilities, scaling)
    np.testing.assert_allclose(calibrated, honest, atol=0.03)
    np.testing.assert_array_equal(calibrated.argmax(axis=1), probabilities.argmax(axis=1))


def test_the_background_is_lowered_to_the_share_that_it_has_in_use():
    probabilities, truth, _ = predictions(1.0)  # a third of the windows are of the last output
    people = np.array(["galaxy_s2/u01", "galaxy_s8/u01"])[np.arange(len(truth)) % 2]
    outcomes = Outcomes(("sit", "walk", "table"), truth, probabilities, people, people, kinds=1)
    scaling = scaling_of(outcomes)
    assert scaling.temperature == pytest.approx(1, abs=0.05)
    # From odds of 1 to 2 to odds of 1 to 19.
    assert scaling.background == pytest.approx(np.log(19 / 2), abs=0.1)
    known = outcomes.take(outcomes.known)
    assert scaling_of(known).background == 0
    assert scaling_of(outcomes.take(~outcomes.known)) == Scaling()


def test_data_sets_count_equally_and_labels_without_an_output_do_not_count():
    probabilities, truth, _ = predictions(1.8)
    other, other_truth, _ = predictions(0.6, count=2_000)
    people = np.array(["galaxy_s2/u01"] * len(truth) + ["galaxy_s8/u01"] * len(other_truth))
    labels = ("sit", "walk", "stand", "other")
    outcomes = Outcomes(
        labels, np.concatenate([truth, other_truth]), np.concatenate([probabilities, other]), people, people
    )
    of_both = scaling_of(outcomes).temperature
    assert 0.7 < of_both < 1.6
    strangers = Outcomes(labels, np.full(9, 3), probabilities[:9], people[:9], people[:9])
    assert scaling_of(join_outcomes([outcomes, strangers])).temperature == pytest.approx(of_both)


def test_a_scaling_folded_into_the_last_layer_gives_the_calibrated_probabilities():
    tf_keras.utils.set_random_seed(0)
    layers = tf_keras.layers
    model = tf_keras.Sequential([layers.Input((4,)), layers.Dense(8), layers.Dense(3, activation="softmax")])
    inputs = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    before = np.asarray(model(inputs))
    scaling = Scaling(1.7, 1.2)
    fold_in(model, scaling, kinds=1)
    np.testing.assert_allclose(np.asarray(model(inputs)), with_scaling(before, scaling, kinds=1), atol=1e-6)
