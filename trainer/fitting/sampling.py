"""Probabilities of drawing windows in training."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from har.recordings import device_of
from trainer.fitting.examples import Drawable


def balanced_probabilities(examples: Drawable, flattening: float = 0.5) -> NDArray[np.float64]:
    """Return a probability for each window that balances devices, people and classes.

    The probability of a device (and so of a placement) is proportional to its number of people to the power
    `flattening`. Within a device all people have the same probability, and within a person all of their classes. With
    a power of 0.5, placements with few people are drawn more often than in proportion, but not so often that the
    network overfits these people.

    Parameters
    ----------
    examples : Drawable
        The windows, at least one.
    flattening : float
        From 0 (all devices have the same probability) to 1 (all people have the same probability).

    Returns
    -------
    ndarray of float64, shape (n,)
        Probabilities; they sum to 1.

    Raises
    ------
    ValueError
        If there are no windows.
    """
    if not len(examples):
        raise ValueError("there are no labelled windows to train on")
    people = sorted(set(examples.people.tolist()))
    sizes = Counter(device_of(person) for person in people)
    probabilities = np.zeros(len(examples))
    for person in people:
        device = device_of(person)
        person_share = sizes[device] ** flattening / sizes[device]
        of_person = examples.people == person
        classes = np.unique(examples.labels[of_person])
        for label in classes:
            chosen = of_person & (examples.labels == label)
            probabilities[chosen] = person_share / len(classes) / int(chosen.sum())
    return np.asarray(probabilities / probabilities.sum())
