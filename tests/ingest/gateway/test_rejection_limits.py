import asyncio
import logging

from har.gateway_messages import Rejected
from ingest.gateway import rejection_limits
from ingest.gateway.rejection_limits import MAX_LINES, RejectionBudget, RejectionLog

NONSENSE = Rejected("malformed", "not a batch")


def test_a_budget_allows_a_burst_or_a_steady_rate():
    now = 0.0
    budget = RejectionBudget(6, clock=lambda: now)
    assert [budget.spend() for _ in range(6)] == [True] * 5 + [False]

    budget = RejectionBudget(6, clock=lambda: now)
    for number in range(100):
        now = 10.0 * number
        assert budget.spend()


async def test_a_phones_rejection_is_logged_once_and_further_ones_are_counted(caplog, monkeypatch):
    monkeypatch.setattr(rejection_limits, "LOG_SECONDS", 0.1)
    rejections = RejectionLog()
    for _ in range(1_000):
        rejections.note("1.2.3.4:5", 8, NONSENSE)
    rejections.note("6.7.8.9:1", 8, Rejected("future", "set the clock"))
    assert [record.getMessage() for record in caplog.records] == [
        "rejected a message of 8 bytes from 1.2.3.4:5: malformed: not a batch",
        "rejected a message of 8 bytes from 6.7.8.9:1: future: set the clock",
    ]
    await asyncio.sleep(0.2)
    assert caplog.records[-1].getMessage() == "999 more warnings like these from 1 senders: malformed 999"
    rejections.note("1.2.3.4:5", 8, NONSENSE)
    assert caplog.records[-1].getMessage().endswith("not a batch")
    rejections.close()


async def test_many_phones_do_not_fill_the_log_either(caplog):
    caplog.set_level(logging.INFO)
    rejections = RejectionLog()
    for number in range(5_000):
        rejections.note(f"phone {number}", 8, NONSENSE)
    rejections.close()
    assert len(caplog.records) == MAX_LINES + 1
    assert (
        caplog.records[-1].getMessage()
        == f"{5_000 - MAX_LINES} more warnings like these from 4990 senders: malformed 4990"
    )
