"""How often each window is drawn in training."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from trainer.fitting.examples import Drawable
from trainer.sources.splits import device_of


def balanced_probabilities(examples: Drawable, flattening: float = 0.5) -> NDArray[np.float64]:
    """Give each window a probability that balances devices, people and classes.

    A device (here also: a placement on the body) is drawn in proportion to its number of people to the
    power `flattening`; then each of its people equally often; then each class that person has equally
    often. With the power 0.5 a placement that few people wore is drawn more often than its size, but not so
    often that its few people are learnt by heart.

    Parameters
    ----------
    examples : Drawable
        The windows, at least one.
    flattening : float
        From 0 (all devices equally often) to 1 (all people equally often).

    Returns
    -------
    ndarray of float64, shape (n,)
        Sums to 1.

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
        theirs = examples.people == person
        classes = np.unique(examples.labels[theirs])
        for label in classes:
            chosen = theirs & (examples.labels == label)
            probabilities[chosen] = person_share / len(classes) / int(chosen.sum())
    return np.asarray(probabilities / probabilities.sum())
