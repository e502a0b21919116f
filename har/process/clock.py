"""The clock of this machine."""

import time
from datetime import UTC, datetime


def now_us() -> int:
    """Return the time, µs since the epoch."""
    return time.time_ns() // 1000


def utc_now() -> datetime:
    """Return the time in UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def utc_text() -> str:
    """Return the time in UTC, in whole seconds, such as ``2026-11-29T19:30:00+00:00``."""
    return utc_now().isoformat()
