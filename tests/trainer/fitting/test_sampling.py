import numpy as np
import pytest

from tests.trainer.made_examples import made_examples
from trainer.fitting.sampling import balanced_probabilities


def test_devices_people_and_classes_are_balanced() -> None:
    people = ["waist/a"] * 90 + ["waist/b"] * 5 + ["waist/c"] * 5 + ["waist/d"] * 5 + ["pocket/a"] * 3
    labels = [0] * 80 + [1] * 10 + [0] * 15 + [0, 0, 1]
    data = made_examples(people, labels)
    found = balanced_probabilities(data, flattening=0.5)
    assert found.sum() == pytest.approx(1)
    waist = np.char.startswith(data.people, "waist")
    assert found[waist].sum() / found[~waist].sum() == pytest.approx(2)  # sqrt(4 people) to sqrt(1)
    assert found[data.people == "waist/a"].sum() == pytest.approx(found[data.people == "waist/b"].sum())
    first = data.people == "waist/a"
    assert found[first & (data.labels == 0)].sum() == pytest.approx(found[first & (data.labels == 1)].sum())


def test_no_windows_is_an_error() -> None:
    with pytest.raises(ValueError, match="no labelled windows"):
        balanced_probabilities(made_examples([], []))
