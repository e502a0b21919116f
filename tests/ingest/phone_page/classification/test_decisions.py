"""The page decides exactly as `har.decisions` does."""

import numpy as np
import pytest

from har.decisions import UNKNOWN, Thresholds, decide

CLASSES, KINDS = ("sit", "walk", "stairsup"), ("table", "jump", "vehicle")
DECIDE = """
const { decide } = await import('/phone/classification/decisions.js');
const [classes, kinds, rows] = args;
return rows.map(([probabilities, [decision, background, kind]]) =>
  decide(classes, kinds, probabilities, { decision, background, kind }));
"""


def cases(kinds: int) -> list[tuple[list[float], list[float]]]:
    """Return probabilities with thresholds that are often exactly reached, by a class, a kind or the sum of kinds."""
    random = np.random.default_rng(7)
    made = []
    for row in random.dirichlet(np.ones(len(CLASSES) + kinds), 400).astype(np.float32).tolist():
        share = 0.0
        for value in row[len(CLASSES) :]:
            share += value
        reached = [max(row[: len(CLASSES)]), share, max(row[len(CLASSES) :], default=0.5)]
        for _ in range(4):
            nudged = [value if random.random() < 0.5 else random.random() for value in reached]
            made.append((row, [float(np.nextafter(value, random.choice([0, value, 1]))) for value in nudged]))
    even = [0.125] * (len(CLASSES) + kinds)
    return [*made, (even, [0.125, 0.125 * kinds, 0.125]), (even, [0.25, 0.125 * kinds, 0.125])]


@pytest.mark.parametrize("kinds", [0, 1, 3])
def test_the_page_decides_as_python_to_the_last_bit(modules, kinds):
    made, names = cases(kinds), KINDS[:kinds]
    got = modules.run(DECIDE, CLASSES, names, made)
    expected = [
        decide(
            dict(zip(CLASSES, row[:3], strict=True)), Thresholds(*thresholds), dict(zip(names, row[3:], strict=True))
        )
        for row, thresholds in made
    ]
    assert [(each["activity"], each["confidence"], each["kind"]) for each in got] == expected
    assert {each.activity for each in expected} == {*CLASSES, UNKNOWN}
    assert {each.kind for each in expected} == {*names, None}
