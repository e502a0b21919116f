import numpy as np
import pytest

from tests.trainer.made_examples import made_examples
from trainer.fitting.sampling import BACKGROUND_SHARE, balanced_probabilities


def test_labels_devices_and_people_are_balanced() -> None:
    people = ["waist/a"] * 90 + ["waist/b"] * 5 + ["waist/c"] * 5 + ["waist/d"] * 5 + ["pocket/a"] * 3
    labels = [0] * 80 + [1] * 10 + [0] * 15 + [0, 0, 1]
    data = made_examples(people, labels)
    found = balanced_probabilities(data, flattening=0.5)
    assert found.sum() == pytest.approx(1)
    assert found[data.labels == 0].sum() == pytest.approx(0.5)
    sitting, waist = data.labels == 0, np.char.startswith(data.people, "waist")
    assert found[sitting & waist].sum() / found[sitting & ~waist].sum() == pytest.approx(2)  # sqrt(4 people), sqrt(1)
    of_person = [found[sitting & (data.people == f"waist/{name}")].sum() for name in "abcd"]
    assert of_person == pytest.approx([of_person[0]] * 4)


def test_kinds_of_background_share_a_part_of_the_draws() -> None:
    data = made_examples(["p/a"] * 100 + ["q/a"] * 10, [0] * 60 + [1] * 40 + [2] * 3 + [3] * 7)
    found = balanced_probabilities(data, background=[2, 3])
    shares = [found[data.labels == label].sum() for label in range(4)]
    background = BACKGROUND_SHARE / 2
    assert shares == pytest.approx([0.5 - background, 0.5 - background, background, background])


def test_no_windows_is_an_error() -> None:
    with pytest.raises(ValueError, match="no labelled windows"):
        balanced_probabilities(made_examples([], []))
