import numpy as np

from tests.trainer.made_examples import made_examples
from trainer.fitting.orientation import at_rest, mirrored_axes, standing, turnable

CLASSES = ("sit", "stand", "walk")


def test_rest_may_be_rotated_only_on_devices_that_show_sway() -> None:
    people = np.repeat(["galaxy_s2/u01", "galaxy_s8/u01", "unknown/anna"], 3)
    examples = made_examples(people, [0, 1, 2] * 3)
    assert turnable(examples, CLASSES).tolist() == [False, False, True, True, True, True, False, False, True]
    assert standing(examples, CLASSES).tolist() == [False, True, False] * 3
    assert at_rest(examples, CLASSES).tolist() == [True, True, False] * 3


def test_only_known_placements_are_mirrored() -> None:
    examples = made_examples(["galaxy_s2/u01", "galaxy_s8/u01", "unknown/anna"], [0, 1, 2])
    assert mirrored_axes(examples).tolist() == [1, 0, -1]
