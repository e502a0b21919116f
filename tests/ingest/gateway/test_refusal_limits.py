import asyncio
import logging

from har.gateway_messages import Refused
from ingest.gateway import refusal_limits
from ingest.gateway.refusal_limits import MOST_LINES, RefusalBudget, RefusalLog

NONSENSE = Refused("malformed", "not a batch")


def test_a_budget_is_used_up_at_once_or_lasts_for_its_rate():
    now = 0.0
    budget = RefusalBudget(6, clock=lambda: now)
    assert [budget.spend() for _ in range(6)] == [True] * 5 + [False]

    budget = RefusalBudget(6, clock=lambda: now)
    for number in range(100):
        now = 10.0 * number
        assert budget.spend()


async def test_a_phone_is_quoted_once_and_then_counted(caplog, monkeypatch):
    monkeypatch.setattr(refusal_limits, "LOG_SECONDS", 0.1)
    refusals = RefusalLog()
    for _ in range(1_000):
        refusals.note("1.2.3.4:5", 8, NONSENSE)
    refusals.note("6.7.8.9:1", 8, Refused("future", "set the clock"))
    assert [record.getMessage() for record in caplog.records] == [
        "refused 8 bytes of 1.2.3.4:5: malformed: not a batch",
        "refused 8 bytes of 6.7.8.9:1: future: set the clock",
    ]
    await asyncio.sleep(0.2)
    assert caplog.records[-1].getMessage() == "refused 999 more of 1 phones: malformed 999"
    refusals.note("1.2.3.4:5", 8, NONSENSE)
    assert caplog.records[-1].getMessage().endswith("not a batch")
    refusals.close()


async def test_many_phones_do_not_fill_the_log_either(caplog):
    caplog.set_level(logging.INFO)
    refusals = RefusalLog()
    for number in range(5_000):
        refusals.note(f"phone {number}", 8, NONSENSE)
    refusals.close()
    assert len(caplog.records) == MOST_LINES + 1
    assert caplog.records[-1].getMessage() == f"refused {5_000 - MOST_LINES} more of 4990 phones: malformed 4990"
