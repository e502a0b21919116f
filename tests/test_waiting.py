"""Waiting returns what the condition returned, and fails with what was waited for."""

import pytest

from tests.waiting import until, wait_for


def test_the_first_true_value_is_returned():
    values = iter([0, None, [], "done", "later"])
    assert wait_for(lambda: next(values), "a value", every=0) == "done"


def test_a_timeout_shows_the_state_at_that_time():
    checks = []
    with pytest.raises(AssertionError, match=r"^waited 0\.1 s for \d+ checks$"):
        wait_for(lambda: checks.append(1), lambda: f"{len(checks)} checks", 0.1, every=0.01)
    assert len(checks) > 1


def test_a_condition_that_is_true_at_once_needs_no_time():
    assert wait_for(lambda: True, "nothing", 0)


def test_an_exception_of_the_condition_ends_the_wait():
    with pytest.raises(ZeroDivisionError):
        wait_for(lambda: 1 / 0, "a number")


async def test_conditions_may_be_plain_or_awaitable():
    values = iter([0, 7, 0, 8])

    async def awaited():
        return next(values)

    assert await until(lambda: next(values), "a value", every=0) == 7
    assert await until(awaited, "a value", every=0) == 8
    with pytest.raises(AssertionError, match=r"^waited 0 s for a value$"):
        await until(lambda: False, "a value", 0)
