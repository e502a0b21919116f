"""Examples for tests that use only some of their columns."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.fitting.examples import Examples


def made_examples(
    people: Sequence[str], labels: Sequence[int], values: NDArray[np.float32] | None = None, *, model: str = "phone"
) -> Examples:
    """Windows with given people and labels, one second apart, all of one session and model."""
    count = len(labels)
    return Examples(
        np.zeros((count, 4, 3), np.float32) if values is None else values,
        np.array(labels, np.int64),
        np.array(people, np.str_),
        np.full(count, model),
        np.full(count, "s1"),
        np.arange(count, dtype=np.int64) * 1_000_000,
    )
