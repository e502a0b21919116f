"""Outcomes of generated predictions, for tests that need no network."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.outcomes import Outcomes

CLASSES = ("sit", "walk", "stairsup")


def predicted_outcomes(
    truth: Sequence[str],
    predictions: Sequence[str],
    confidence: Sequence[float] | float = 0.75,
    *,
    people: Sequence[str] | str = "p/a",
    models: Sequence[str] | str = "phone",
    labels: tuple[str, ...] = (*CLASSES, "null", "jump"),
) -> Outcomes:
    """Outcomes of windows with given labels, predicted classes and confidences."""
    count = len(truth)
    sure = np.broadcast_to(np.asarray(confidence, np.float32), (count,))
    probabilities = np.repeat((1 - sure)[:, None] / 2, 3, axis=1).astype(np.float32)
    for row, prediction in enumerate(predictions):
        probabilities[row, CLASSES.index(prediction)] = sure[row]
    return Outcomes(
        labels,
        np.array([labels.index(label) for label in truth], np.int64),
        probabilities,
        np.broadcast_to(np.asarray(people, np.str_), (count,)).copy(),
        np.broadcast_to(np.asarray(models, np.str_), (count,)).copy(),
    )


def simulated(skill: NDArray[np.float64], rng: np.random.Generator, *, windows: int = 40) -> Outcomes:
    """Outcomes of `windows` windows for each person and class, each correct with the probability in `skill`.

    `skill` has a row per person and a column per class. People alternate between two models of phone.
    """
    users = len(skill)
    truth = np.tile(np.repeat(np.arange(len(CLASSES)), windows), users)
    person = np.repeat(np.arange(users), len(CLASSES) * windows)
    wrong = (truth + rng.integers(1, len(CLASSES), len(truth))) % len(CLASSES)
    predicted = np.where(rng.random(len(truth)) < skill[person, truth], truth, wrong)
    names = [f"p/u{number:02}" for number in range(users)]
    return predicted_outcomes(
        [CLASSES[number] for number in truth],
        [CLASSES[number] for number in predicted],
        people=[names[number] for number in person],
        models=[f"model {number % 2}" for number in person],
    )
