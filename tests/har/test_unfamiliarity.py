import msgspec

from har.predictions import Prediction
from har.unfamiliarity import WINDOWS, Unfamiliarity

SECOND = 1_000_000


def answer(number: int, activity: str = "walk", confidence: float = 0.9, **changes) -> Prediction:
    start = number * SECOND
    made = Prediction("phone-1", "s", start, start + 4 * SECOND, activity, confidence, {"walk": 0.9}, "r", start)
    return msgspec.structs.replace(made, **changes)


def after(answers: list[Prediction]) -> bool:
    known = Unfamiliarity()
    for each in answers:
        known.add(each)
    return known.is_unfamiliar


def test_a_share_of_unclear_answers_makes_a_device_unfamiliar():
    for unclear in (("unknown", 0.9), ("walk", 0.49)):
        assert after([answer(n, *unclear) for n in range(24)] + [answer(n) for n in range(24, 60)])
        assert not after([answer(n, *unclear) for n in range(23)] + [answer(n) for n in range(23, 60)])
    assert not after([answer(n, "walk", 0.5) for n in range(60)])


def test_a_kind_of_background_is_a_clear_answer():
    assert not after([answer(n, "unknown", 0.9, kind="table") for n in range(60)])


def test_only_the_latest_windows_count_and_fewer_say_nothing():
    assert not after([answer(n, "unknown") for n in range(WINDOWS - 1)])
    assert not after([answer(n, "unknown") for n in range(100)] + [answer(n) for n in range(100, 137)])
    assert after([answer(n, "unknown") for n in range(100)] + [answer(n) for n in range(100, 136)])


def test_repeated_and_unclassified_windows_do_not_count():
    assert not after([answer(n // 2, "unknown") for n in range(WINDOWS)])
    assert not after([answer(n, "unknown", reason="sparse") for n in range(WINDOWS)])
    assert after([answer(0, "unknown", session=f"s{n}") for n in range(WINDOWS)])
