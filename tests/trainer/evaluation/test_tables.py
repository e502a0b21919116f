"""The table of an evaluation for a terminal."""

from tests.trainer.made_outcomes import predicted_outcomes
from trainer.evaluation.scores import measure
from trainer.evaluation.tables import scores_table


def test_each_count_stands_below_the_class_that_was_predicted():
    found = measure(predicted_outcomes(["sit", "walk", "stairsup", "sit"], ["sit", "walk", "stairsup", "walk"]))
    lines = scores_table(found).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("activity"))
    header = lines[at]
    ends = [header.rindex(name) + len(name) for name in found.predictions]
    for line, counts in zip(lines[at + 1 :], found.confusion, strict=False):
        assert [int(line[:end].split()[-1]) for end in ends] == counts
        assert all(line[end : end + 1] in ("", " ") for end in ends)
