"""The page uses and learns the upright reference as Python does, bit for bit."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from har.upright import NO_REFERENCE, UprightRule, gravity_of, judge
from tests.har.upright_sessions import CLASSES, SECOND, UprightSession, upright_session
from tests.ingest.phone_page.page_modules import Modules, RejectedByPage

#: Judges the windows of a session; returns each answer with the reference after it, in the order of Python's fields.
JUDGE = """
const { NO_REFERENCE, judge, uprightRule } = await import('/phone/classification/upright.js');
const [manifest, windows] = args;
const rule = uprightRule(manifest);
let state = NO_REFERENCE;
return windows.map(([gravity, start, classes, values]) => {
  const before = Object.fromEntries(classes.map((name, at) => [name, values[at]]));
  const { probabilities, cosine, reference } = judge(state, rule, gravity, start, before);
  state = reference;
  const { upright, windows: count, other, others, contrary, latestUs } = state;
  return [Object.entries(probabilities), cosine, [upright, count, other, others, contrary, latestUs]];
});
"""
GRAVITY = """
const { gravityOf } = await import('/phone/classification/upright.js');
return args[0].map((values) => gravityOf(Float32Array.from(values)));
"""
RULE = "return (await import('/phone/classification/upright.js')).uprightRule({ upright: args[0] })"


def judged_by_python(rule: UprightRule, session: UprightSession) -> list[Any]:
    answers, state = [], NO_REFERENCE
    for gravity, start, probabilities in session:
        used, cosine, state = judge(state, rule, gravity, start, probabilities)
        answers.append([[list(entry) for entry in used.items()], cosine, msgspec.to_builtins(state)])
    return msgspec.json.decode(msgspec.json.encode(answers))  # type: ignore[no-any-return]


def assert_judged_alike(modules: Modules, rule: UprightRule, session: UprightSession) -> int:
    """Assert that the page gives the bits of Python; return for how many windows there was a reference."""
    stated = msgspec.to_builtins(rule)
    windows = [[gravity, start, list(given), list(given.values())] for gravity, start, given in session]
    expected = judged_by_python(rule, session)
    assert modules.run(JUDGE, {"upright": stated}, windows) == expected
    return sum(cosine is not None for _, cosine, _ in expected)


RULES = [
    UprightRule(),
    UprightRule(needed=3, doubted_after=1, most_weight=4, contrary_windows=2, least_walk=0.5, agreement=0.7),
    UprightRule(sit=((0.25, 0.7),), stand=((-1, 0.1), (-0.3, 1), (0.1, 0.3), (1, 0.9)), forget_after_us=3 * SECOND),
]


def test_any_session_is_judged_as_by_python(modules):
    with_reference = 0

    @given(
        seed=st.integers(0, 2**32 - 1),
        rule=st.sampled_from(RULES),
        classes=st.sampled_from(
            [CLASSES, CLASSES[:5], ("walk", "stand"), ("bike", "lie", "walk"), ("jog", "stairsup")]
        ),
        restless=st.sampled_from([0.0, 0.05, 0.3]),
    )
    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def compare(seed, rule, classes, restless):
        nonlocal with_reference
        session = upright_session(np.random.default_rng(seed), classes=classes, restless=restless)
        with_reference += assert_judged_alike(modules, rule, session)

    compare()
    assert with_reference > 300


@pytest.mark.parametrize("gravity", [(0.0, 0.0, 0.0), (1e-200, 0.0, 0.0), (1e200, 1e200, 0.0), (-0.0, 5e-324, 9.8)])
def test_a_window_without_a_direction_is_judged_as_by_python(modules, gravity):
    walk = [((0.1, 9.8, 0.2), second * 1_000_000, {"walk": 1.0, "sit": 0.0}) for second in range(15)]
    odd = (gravity, 20_000_000, {"walk": 1.0, "sit": 0.0})
    assert assert_judged_alike(modules, UprightRule(), [*walk, odd, (walk[0][0], 21_000_000, {"sit": 1.0})]) >= 5


def test_the_gravity_of_a_window_is_that_of_python(modules):
    random = np.random.default_rng(3)
    windows = (random.normal(0, 1, (20, 200, 3)) * random.choice([1e-3, 1, 40], (20, 1, 3)) + [0, 9.81, 0]).astype("f4")
    expected = [list(gravity_of(window)) for window in windows]
    assert modules.run(GRAVITY, [window.ravel().tolist() for window in windows]) == expected


def test_the_rule_has_the_defaults_of_python(modules):
    assert modules.run(RULE, {}) == msgspec.json.decode(msgspec.json.encode(UprightRule()))
    assert modules.run(RULE, None) is None


def rejected_by_python(rule: Any) -> bool:
    try:
        return msgspec.convert(rule, UprightRule).faults() is not None
    except msgspec.ValidationError:
        return True


@pytest.mark.parametrize("rule", [
    *({"least_walk": 0}, {"least_walk": 1.1}, {"needed": 0}, {"needed": 21}, {"needed": 2}, {"doubted_after": 0}),
    *({"needed": 10.5}, {"most_weight": 1_001}, {"contrary_windows": 0}, {"contrary_windows": 1_001}, {"needed": "9"}),
    *({"agreement": 0}, {"agreement": 1.5}, {"on_foot_below": -1.5}, {"any_below": 2}, {"forget_after_us": 0}),
    *({"forget_after_us": 86_400_000_001}, {"sit": []}, {"sit": [[0, 0]]}, {"sit": [[0, 1.5]]}, {"lie": [[2, 1]]}),
    *({"stand": [[0.5, 1], [0.5, 0.5]]}, {"stand": [[0.5]]}, {"stand": [[x / 20, 1] for x in range(17)]}, [], 3),
])  # fmt: skip
def test_a_rule_that_python_rejects_is_rejected(modules, rule):
    assert rejected_by_python(rule)
    with pytest.raises(RejectedByPage, match="RangeError"):
        modules.run(RULE, rule)
