"""The upright reference is learned from walking, tells postures apart, and is forgotten when the phone was moved."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.releases import ReleaseError, decode_manifest, encode_manifest
from har.upright import NO_REFERENCE, POSTURES, Reference, UprightRule, gravity_of, judge
from model_store.release_folder import open_release
from tests.har.upright_sessions import BEGIN, CLASSES, SECOND, UprightSession, upright_session

MANIFEST = open_release("baseline").manifest
RULE = UprightRule()
WALK = {"sit": 0.0, "stand": 0.05, "walk": 0.95}
UNSURE = {"sit": 0.45, "stand": 0.45, "walk": 0.1}


def leaning(degrees: float, *, around: int = 0) -> tuple[float, float, float]:
    """Return the gravity of a phone whose y axis points up while the wearer walks, m/s²."""
    along, across = 9.81 * math.cos(math.radians(degrees)), 9.81 * math.sin(math.radians(degrees))
    return (across, along, 0.0) if around else (0.0, along, across)


def run(windows: UprightSession, rule: UprightRule = RULE, state: Reference = NO_REFERENCE):
    """Judge windows one after another; return the answers, and the state after them."""
    answers = []
    for gravity, start, probabilities in windows:
        used, cosine, state = judge(state, rule, gravity, start, probabilities)
        answers.append((used, cosine))
    return answers, state


def bout(first: int, count: int, degrees: float, probabilities: dict[str, float], **turned: int) -> UprightSession:
    """Return windows of one lean, one a second from second `first` on."""
    gravity = leaning(degrees, **turned)
    return [(gravity, BEGIN + second * SECOND, probabilities) for second in range(first, first + count)]


def walked(count: int = RULE.needed) -> Reference:
    return run(bout(0, count, 0, WALK))[1]


def odds(answer: tuple[dict[str, float], float | None]) -> float:
    return answer[0]["sit"] / answer[0]["stand"]


def test_the_lean_tells_sitting_from_standing_once_the_wearer_has_walked():
    (before,), _ = run(bout(0, 1, 25, UNSURE))
    (standing,), _ = run(bout(20, 1, 3, UNSURE), state=walked())
    (sitting,), _ = run(bout(20, 1, 25, UNSURE), state=walked())
    assert before == (UNSURE, None)
    assert odds(standing) < 0.2 and odds(sitting) > 5
    assert standing[1] == pytest.approx(math.cos(math.radians(3)))
    assert sitting[1] == pytest.approx(math.cos(math.radians(25)))


def test_a_sure_network_is_not_overruled():
    sure = {"sit": 0.001, "stand": 0.989, "walk": 0.01}
    (answer,), _ = run(bout(20, 1, 25, sure), state=walked())
    assert max(answer[0], key=lambda name: answer[0][name]) == "stand"


def test_a_thigh_that_is_horizontal_sits_and_does_not_lie():
    """In a pocket a large lean is sitting: it excludes standing and leaves sitting and lying to the network."""
    with_lying = {"sit": 0.6, "stand": 0.2, "lie": 0.1, "walk": 0.1}
    (answer,), _ = run(bout(20, 1, 80, with_lying), state=walked())
    assert answer[0]["sit"] / answer[0]["lie"] == pytest.approx(6)
    assert answer[0]["stand"] < 0.01


def test_who_leans_little_does_not_lie():
    (answer,), _ = run(bout(20, 1, 30, {"sit": 0.3, "stand": 0.1, "lie": 0.5, "walk": 0.1}), state=walked())
    assert answer[0]["sit"] > 0.8


def test_it_takes_enough_sure_windows_that_agree():
    assert walked(RULE.needed - 1).windows == 0
    assert walked().windows == RULE.needed
    unsure = {**WALK, "walk": RULE.least_walk - 0.01}
    assert run(bout(0, 50, 0, unsure))[1].windows == 0
    apart = [
        window for second in range(0, 40, 2) for window in (*bout(second, 1, 0, WALK), *bout(second + 1, 1, 60, WALK))
    ]
    assert run(apart)[1].windows == 0


def test_a_window_does_not_influence_its_own_answer():
    first, state = run(bout(0, RULE.needed, 0, WALK))
    assert [cosine for _, cosine in first] == [None] * RULE.needed
    ((used, cosine),), after = run(bout(20, 1, 10, {"sit": 0.025, "stand": 0.025, "walk": 0.95}), state=state)
    assert after.upright != state.upright
    assert cosine == pytest.approx(math.cos(math.radians(10)), abs=1e-12)
    assert used["sit"] / used["stand"] == pytest.approx(RULE.factor("sit", cosine) / RULE.factor("stand", cosine))


def test_the_reference_follows_a_phone_that_slips():
    state = walked()
    for degree in range(1, 41):
        _, state = run(bout(degree * 10, 10, degree, WALK), state=state)
    assert state.windows == RULE.most_weight
    (answer,), _ = run(bout(500, 1, 40, UNSURE), state=state)
    assert odds(answer) < 0.2


def test_a_gap_ends_the_reference_by_event_time_alone():
    limit = RULE.forget_after_us // SECOND
    last = RULE.needed - 1
    assert run(bout(last + limit, 1, 0, UNSURE), state=walked())[0][0][1] is not None
    assert run(bout(last + limit + 1, 1, 0, UNSURE), state=walked())[0][0][1] is None


def test_walking_in_another_direction_suspends_the_reference_and_then_replaces_it():
    state = walked()
    answers, state = run(bout(20, RULE.needed, 35, WALK), state=state)
    used = [cosine is not None for _, cosine in answers]
    assert used == [True] * RULE.doubted_after + [False] * (RULE.needed - RULE.doubted_after)
    (upright,), _ = run(bout(40, 1, 35, UNSURE), state=state)
    assert odds(upright) < 0.2


def test_one_odd_step_changes_nothing():
    _, state = run(bout(20, RULE.doubted_after - 1, 35, WALK), state=walked())
    _, state = run(bout(30, 1, 0, WALK), state=state)
    assert (state.others, state.windows) == (0, RULE.needed + 1)


@pytest.mark.parametrize("probabilities, degrees", [
    ({"stairsup": 0.5, "jog": 0.45, "sit": 0.05}, 60), ({"sit": 1.0}, 170),
])  # fmt: skip
def test_a_phone_that_was_turned_is_noticed_without_walking(probabilities, degrees):
    answers, state = run(bout(20, RULE.contrary_windows, degrees, probabilities), state=walked())
    assert all(cosine is not None for _, cosine in answers)
    assert state == Reference(latest_us=BEGIN + (20 + RULE.contrary_windows - 1) * SECOND)


def test_a_wearer_who_sits_or_lies_for_long_keeps_the_reference():
    for degrees in (25, 80, 115):
        _, state = run(bout(20, 500, degrees, {"sit": 0.9, "stand": 0.1}), state=walked())
        assert state.windows == RULE.needed


def test_outputs_that_are_no_classes_and_other_classes_are_left_alone():
    given_ = {"stand": 0.3, "table": 0.2, "walk": 0.1, "sit": 0.1}
    (answer,), _ = run(bout(20, 1, 20, given_), state=walked())
    assert list(answer[0]) == list(given_)
    assert (answer[0]["table"], answer[0]["walk"]) == (0.2, 0.1)
    assert answer[0]["sit"] + answer[0]["stand"] == pytest.approx(0.4)


def test_a_release_without_walking_or_postures_is_never_changed():
    for classes in ({"sit": 0.5, "stand": 0.5}, {"walk": 0.95, "bike": 0.05}, {"walk": 1.0, "sit": 0.0}):
        answers, _ = run(bout(0, 30, 0, classes))
        assert {tuple(used.items()) for used, _ in answers} == {tuple(classes.items())}


@pytest.mark.parametrize("gravity", [(0.0, 0.0, 0.0), (math.nan, 0.0, 0.0), (1e300, 0.0, 0.0), (math.inf, 1.0, 0.0)])
def test_a_window_without_a_direction_has_no_reference_and_teaches_nothing(gravity):
    (answer,), state = run([(gravity, BEGIN + 20 * SECOND, WALK)], state=walked())
    assert answer == (WALK, None)
    assert msgspec.structs.replace(state, latest_us=walked().latest_us) == walked()


def test_a_repeated_window_teaches_nothing():
    state = walked()
    (answer,), again = run(bout(RULE.needed - 1, 1, 0, WALK), state=state)
    assert answer == (WALK, None) and again == state


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), restless=st.sampled_from([0.0, 0.05, 0.3]))
def test_any_session_keeps_sums_and_the_size_of_the_state(seed, restless):
    session = upright_session(np.random.default_rng(seed), restless=restless)
    state = NO_REFERENCE
    for gravity, start, probabilities in session:
        used, cosine, state = judge(state, RULE, gravity, start, probabilities)
        assert list(used) == list(CLASSES) and all(0 <= value <= 1 for value in used.values())
        assert sum(used[name] for name in POSTURES) == pytest.approx(sum(probabilities[name] for name in POSTURES))
        assert {name: used[name] for name in CLASSES if name not in POSTURES}.items() <= probabilities.items()
        assert cosine is None or -1 <= cosine <= 1
        encoded = msgspec.json.encode(state)
        assert msgspec.json.decode(encoded, type=Reference) == state
        assert len(encoded) < 250 and math.hypot(*state.upright) < 1.01
        assert state.windows <= RULE.most_weight and state.others < RULE.needed


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 120))
def test_a_state_that_was_stored_continues_with_the_same_bits(seed, cut):
    session = upright_session(np.random.default_rng(seed))
    whole, end = run(session)
    first, state = run(session[:cut])
    second, state = run(session[cut:], state=msgspec.json.decode(msgspec.json.encode(state), type=Reference))
    assert (first + second, state) == (whole, end)


def test_gravity_is_summed_step_by_step():
    window = np.random.default_rng(0).normal(0, 9, (200, 3)).astype(np.float32)
    total = [0.0, 0.0, 0.0]
    for step in window.tolist():
        total = [before + value for before, value in zip(total, step, strict=True)]
    assert gravity_of(window) == tuple(value / 200 for value in total)
    assert gravity_of(np.asfortranarray(window)) == gravity_of(window)


def test_a_manifest_may_have_a_rule():
    without = msgspec.structs.replace(MANIFEST, upright=None)
    assert decode_manifest(encode_manifest(without)).upright is None
    with_rule = msgspec.structs.replace(MANIFEST, upright=UprightRule(needed=5))
    assert decode_manifest(encode_manifest(with_rule)) == with_rule


@pytest.mark.parametrize("changes", [
    {"least_walk": 0}, {"least_walk": math.nan}, {"needed": 21}, {"doubted_after": 0}, {"most_weight": 2_000},
    {"contrary_windows": 0}, {"agreement": 0}, {"any_below": -2}, {"forget_after_us": 0}, {"sit": ()},
    {"stand": ((0.5, 0),)}, {"stand": ((0.5, 1), (0.4, 1))}, {"lie": ((1.5, 1),)}, {"lie": ((math.nan, 1),)},
])  # fmt: skip
def test_a_manifest_with_an_impossible_rule_is_rejected(changes):
    rule = msgspec.structs.replace(RULE, **changes)
    assert rule.faults() is not None
    with pytest.raises(ReleaseError, match=r"upright: |not a release"):
        decode_manifest(encode_manifest(msgspec.structs.replace(MANIFEST, upright=rule)))
