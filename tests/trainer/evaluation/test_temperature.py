"""A temperature makes probabilities as sure as they are right, and changes no decision."""

import warnings

import numpy as np
import pytest

from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.temperature import best_temperature, fold_in, temperature_of, with_temperature

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


@pytest.mark.parametrize("sharpness", [0.6, 1.0, 1.8])
def test_the_temperature_undoes_too_much_or_too_little_confidence(sharpness):
    probabilities, truth, honest = predictions(sharpness)
    temperature = best_temperature(probabilities, truth)
    assert temperature == pytest.approx(sharpness, rel=0.06)
    calibrated = with_temperature(probabilities, temperature)
    np.testing.assert_allclose(calibrated, honest, atol=0.03)
    np.testing.assert_array_equal(calibrated.argmax(axis=1), probabilities.argmax(axis=1))


def test_each_output_counts_as_much_as_any_other_and_other_labels_do_not_count():
    probabilities, truth, _ = predictions(1.8)
    many = np.concatenate([np.flatnonzero(truth == 0), np.flatnonzero(truth != 0)[:200]])
    people = np.full(len(many) + 5, "p/a")
    rows = np.concatenate([probabilities[many], np.full((5, 3), 1 / 3, np.float32)])
    labels = ("sit", "walk", "table", "other")
    outcomes = Outcomes(labels, np.concatenate([truth[many], np.full(5, 3)]), rows, people, people, kinds=1)
    known = outcomes.take(outcomes.truth < 3)
    assert temperature_of(outcomes) == temperature_of(known)
    assert temperature_of(outcomes.take(outcomes.truth == 3)) == 1.0


def test_a_temperature_folded_into_the_last_layer_gives_the_calibrated_probabilities():
    tf_keras.utils.set_random_seed(0)
    layers = tf_keras.layers
    model = tf_keras.Sequential([layers.Input((4,)), layers.Dense(8), layers.Dense(3, activation="softmax")])
    inputs = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    before = np.asarray(model(inputs))
    fold_in(model, 1.7)
    np.testing.assert_allclose(np.asarray(model(inputs)), with_temperature(before, 1.7), atol=1e-6)
