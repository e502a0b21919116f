"""Probabilities of drawing windows in training."""

from collections import Counter
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from recording_files.data_sets import data_set_of
from trainer.fitting.examples import Drawable

#: Share of the drawn windows that show none of the activities.
BACKGROUND_SHARE = 0.3


def balanced_probabilities(
    examples: Drawable, flattening: float = 0.5, background: Collection[int] = ()
) -> NDArray[np.float64]:
    """Return a probability for each window that balances labels, data sets and people.

    All classes have the same probability, and the kinds of background share `BACKGROUND_SHARE` equally. The probability
    of a data set within a label is proportional to its number of people who show it, to the power `flattening`. Within
    a data set all people have the same probability. With a power of 0.5, placements with few people are drawn more
    often than in proportion, but not so often that the network overfits these people.

    Parameters
    ----------
    examples : Drawable
        The windows, at least one.
    flattening : float
        From 0 (all data sets have the same probability) to 1 (all people have the same probability).
    background : collection of int
        Labels that are no classes but kinds of background.

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
    names, people = np.unique(examples.people, return_inverse=True)
    sets = np.array([data_set_of(name) for name in names.tolist()], np.str_)
    shown, places, counts = np.unique(
        np.stack([examples.labels, people], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    labels, shown_sets = shown[:, 0], sets[shown[:, 1]]
    sizes = Counter(zip(labels.tolist(), shown_sets.tolist(), strict=True))
    shares = np.array(
        [sizes[pair] ** (flattening - 1) for pair in zip(labels.tolist(), shown_sets.tolist(), strict=True)]
    )
    is_background = np.isin(labels, sorted(background))
    kinds, classes = (len(np.unique(labels[chosen])) for chosen in (is_background, ~is_background))
    for label in np.unique(labels):
        chosen = labels == label
        share = 1.0
        if kinds and classes:
            share = BACKGROUND_SHARE / kinds if is_background[chosen][0] else (1 - BACKGROUND_SHARE) / classes
        shares[chosen] *= share / shares[chosen].sum()
    probabilities = (shares / counts)[places.reshape(-1)]
    return np.asarray(probabilities / probabilities.sum())
