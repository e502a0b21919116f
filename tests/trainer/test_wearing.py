import numpy as np

from tests.trainer.made_examples import made_examples
from trainer.wearing import standing, turnable

CLASSES = ("sit", "stand", "walk")


def test_movement_may_be_turned_on_every_device_and_rest_only_where_sway_shows() -> None:
    people = np.repeat(["galaxy_s2/u01", "galaxy_s8/u01", "unknown/anna"], 3)
    examples = made_examples(people, [0, 1, 2] * 3)
    assert turnable(examples, CLASSES).tolist() == [False, False, True, True, True, True, False, False, True]
    assert standing(examples, CLASSES).tolist() == [False, True, False] * 3
