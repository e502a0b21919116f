import logging

import pytest

from har.process.redis_condition import LOG_LINES, RedisCondition

OUT_OF_MEMORY = Exception("OOM command not allowed when used memory > 'maxmemory'.")
AWAY = ConnectionRefusedError("nobody listens")


def test_the_condition_names_the_first_fault_and_ends_with_the_last(caplog: pytest.LogCaptureFixture):
    errors: list[str] = []
    changes: list[bool] = []
    condition = RedisCondition(logging.getLogger("redis"), on_error=errors.append, on_change=changes.append)
    assert (condition.status, condition.fault) == ("untried", None)
    condition.note_success("read")
    assert condition.status == "available"
    condition.note_failure("keep", OUT_OF_MEMORY)
    condition.note_failure("publish", AWAY)
    assert condition.fault is not None
    assert (condition.status, condition.fault.kind) == ("rejecting", "OOM")
    condition.note_success("keep")
    assert (condition.status, condition.fault.words) == ("unavailable", "nobody listens")
    since = condition.fault.since
    condition.note_failure("publish", AWAY)
    assert condition.fault.since == since
    condition.note_success("publish")
    assert condition.status == "available"
    assert errors == ["OOM", "unreachable", "unreachable"]
    assert changes == [True, False, False, False, False, True]
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == f"cannot keep, trying again: Redis answers: {OUT_OF_MEMORY}"
    assert lines[1] == "cannot publish, trying again: no answer from Redis: nobody listens"
    assert [line.split(",")[0] for line in lines[2:]] == ["can keep again", "can publish again"]


def test_alternating_errors_do_not_flood_the_log(caplog: pytest.LogCaptureFixture):
    condition = RedisCondition(logging.getLogger("redis"))
    for _ in range(500):
        condition.note_failure("keep", OUT_OF_MEMORY)
        condition.note_failure("keep", AWAY)
    assert len(caplog.records) == LOG_LINES
