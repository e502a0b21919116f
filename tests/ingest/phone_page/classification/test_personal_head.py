"""The page applies and makes personal heads as Python does."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from har.personal_fitting import LabelledWindow, PersonalisationError, fit_head
from har.personal_head import PersonalHead, decode_head, encode_head
from har.release_documents import ReleaseError
from tests.har.made_heads import FLAT, OUTPUTS, SECOND, UPRIGHT, confused_wearer, identity_head, labelled
from tests.ingest.phone_page.page_modules import RejectedByPage

CORRECT = """
const { corrected } = await import('/phone/classification/personal-head.js');
const { checkedHead } = await import('/phone/releases/personal-head-document.js');
const head = checkedHead(args[0]);
return args[1].map(([probabilities, gravity]) => corrected(head, Float32Array.from(probabilities), gravity));
"""
FIT = """
const { fitHead } = await import('/phone/classification/personal-fitting.js');
try {
  return await fitHead(args[0], args[1], args[2], 4_000_000);
} catch (error) {
  if (error.name !== 'PersonalisationError') throw error;
  return { message: error.message, held_back: error.heldBack };
}
"""
CHECK = "return (await import('/phone/releases/personal-head-document.js')).checkedHead(args[0])"


def document(head: PersonalHead) -> Any:
    return json.loads(encode_head(head))


def plain(windows: list[LabelledWindow]) -> Any:
    return [vars(window) for window in windows]


def test_a_head_corrects_as_in_python(modules):
    random = np.random.default_rng(2)
    compared = []
    for spread, kinds in ((0.3, 1), (4.0, 3), (30.0, 2)):
        outputs = ["sit", "stand", "walk", *(f"kind{number}" for number in range(kinds))]
        count = len(outputs)
        head = identity_head(
            outputs=outputs,
            weights=random.normal(0, spread, (count + 3, count)).tolist(),
            offsets=random.normal(0, spread, count).tolist(),
            directions=[(0.0, 0.6, 0.8), (1.0, 0.0, 0.0)],
        )
        rows = random.dirichlet([0.3] * count, 60).astype(np.float32)
        rows[0], rows[1] = np.eye(count)[0], np.eye(count)[count - 1]
        windows = [(row.tolist(), (random.normal(0, 5, 3)).tolist()) for row in rows]
        windows += [(rows[5].tolist(), [0.0, 0.0, 0.0]), (rows[6].tolist(), [1e200, 0.0, 0.0])]
        found = modules.run(CORRECT, document(head), windows)
        expected = [head.corrected(row, (x, y, z)) for row, (x, y, z) in windows]
        assert [answer is None for answer in found] == [answer is None for answer in expected]
        pairs = [pair for pair in zip(found, expected, strict=True) if pair[1] is not None]
        for answer, right in pairs:
            np.testing.assert_allclose(answer, right, rtol=0, atol=1e-12)
        compared.append(len(pairs))
    assert all(10 < count < 61 for count in compared)


#: Number of windows of `random_wearer`.
RANDOM_WINDOWS = 96


def random_wearer(seed: int) -> list[LabelledWindow]:
    """Overlapping windows of five activities and two sessions, one activity with too little time."""
    random = np.random.default_rng(seed)
    windows = []
    for number, (label, count) in enumerate((("walk", 40), ("sit", 25), ("stand", 14), ("stairsup", 13), ("jog", 4))):
        gravity = random.normal(0, 1, 3) * 6
        for hop in range(count):
            row = random.dirichlet([0.5 + 3 * (place == number) for place in range(7)]).astype(np.float32).tolist()
            session = "one" if hop < 20 else "two"
            start = (hop + 100 * number) * SECOND
            windows.append(
                LabelledWindow(session, start, label, row, tuple((gravity + random.normal(0, 0.5, 3)).tolist()))
            )
    return [windows[place] for place in random.permutation(len(windows))]


def worn_otherwise_at_last() -> list[LabelledWindow]:
    """A wearer whose sitting is taken for a table, and who puts the phone elsewhere before the held-back part."""
    windows = labelled("sit", 20, [0.04, 0.02, 0.02, 0.92], FLAT)
    windows += labelled("sit", 10, [0.04, 0.02, 0.02, 0.92], (9.8, 0.0, 0.3), first=60 * SECOND)
    return windows + labelled("stand", 30, [0.02, 0.9, 0.02, 0.06], UPRIGHT, first=200 * SECOND)


@pytest.mark.parametrize("windows", [confused_wearer(), random_wearer(1), random_wearer(2), worn_otherwise_at_last()])
def test_a_head_is_fitted_as_in_python(modules, windows):
    others = ["walk", "sit", "stand", "stairsup", "jog", "table", "vehicle"]
    outputs, classes = (others, 5) if len(windows) == RANDOM_WINDOWS else (OUTPUTS, 3)
    expected = msgspec.to_builtins(fit_head(windows, outputs, classes=classes, length_us=4 * SECOND))
    found = modules.run(FIT, plain(windows), outputs, classes)
    for name in ("weights", "offsets", "directions"):
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-6)
    assert found["seconds"] == expected["seconds"]
    assert found["held_back"] == pytest.approx(expected["held_back"], abs=1e-9)


def rejected_by_python(changes: dict[str, Any]) -> bool:
    try:
        decode_head(json.dumps({**document(identity_head()), **changes}).encode())
    except ReleaseError:
        return True
    return False


@pytest.mark.parametrize(
    "changes",
    [
        *({"number": 0}, {"schema": 2}, {"weights": [[1.0] * 4] * 4}, {"offsets": [0.0] * 3}, {"classes": 5}),
        *({"offsets": [0.0, 0.0, 0.0, 1e9]}, {"directions": []}, {"directions": [[0.0, 0.0, 2.0]]}),
        *({"seconds": {"table": 20.0}}, {"outputs": ["sit", "sit", "walk", "table"]}, {"held_back": None}),
        {"weights": [[1.0, 1.0, 1.0, None]] * 7},
    ],
)
def test_a_head_that_python_rejects_is_rejected(modules, changes):
    assert rejected_by_python(changes)
    with pytest.raises(RejectedByPage, match="RangeError: the personal head"):
        modules.run(CHECK, {**document(identity_head()), **changes})


def test_without_enough_time_or_improvement_no_head_is_made(modules):
    short = labelled("sit", 6, [0.3, 0.6, 0.05, 0.05], FLAT)
    with pytest.raises(PersonalisationError, match="at least 15 s"):
        fit_head(short, OUTPUTS, classes=3, length_us=4 * SECOND)
    found = modules.run(FIT, plain(short), OUTPUTS, 3)
    assert "at least 15 s of labelled time of at least 2 activities" in found["message"]
    # The last third of the time contradicts the first two thirds.
    windows = [
        *labelled("sit", 20, [0.3, 0.6, 0.05, 0.05], FLAT),
        *labelled("sit", 10, [0.6, 0.3, 0.05, 0.05], UPRIGHT, first=60 * SECOND),
        *labelled("stand", 20, [0.3, 0.6, 0.05, 0.05], UPRIGHT, first=200 * SECOND),
        *labelled("stand", 10, [0.3, 0.6, 0.05, 0.05], FLAT, first=300 * SECOND),
    ]
    found = modules.run(FIT, plain(windows), OUTPUTS, 3)
    assert found["message"] == "a personal head would not answer better"
    assert (found["held_back"]["right_before"], found["held_back"]["right_after"]) == (1.0, 0.0)
