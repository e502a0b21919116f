"""The page judges as Python does whether a phone is worn in a way that its release does not know."""

import msgspec
import numpy as np

from har.unfamiliarity import Unfamiliarity
from tests.har.test_unfamiliarity import answer

FOLLOW = """
const { Unfamiliarity } = await import('/phone/classification/unfamiliarity.js');
const known = new Unfamiliarity();
return args[0].map((answer) => {
  known.add(answer);
  return known.isUnfamiliar;
});
"""


def test_any_answers_are_judged_as_by_python(modules):
    random = np.random.default_rng(4)
    given = [("walk", 0.9), ("walk", 0.5), ("walk", 0.499), ("unknown", 0.7)]
    answers = [
        answer(
            number - int(random.random() < 0.1),
            *given[random.choice(4, p=[0.5, 0.1, 0.2, 0.2])],
            kind="table" if random.random() < 0.3 else None,
            reason="sparse" if random.random() < 0.1 else None,
            session=f"s{number // 200}",
        )
        for number in range(600)
    ]
    known, expected = Unfamiliarity(), []
    for each in answers:
        known.add(each)
        expected.append(known.is_unfamiliar)
    assert modules.run(FOLLOW, [msgspec.to_builtins(each) for each in answers]) == expected
    assert 30 < sum(expected) < 570
