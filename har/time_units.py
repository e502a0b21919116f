"""Units of time. Times are integers in µs since the Unix epoch, unless their documentation states otherwise."""

from datetime import UTC, datetime, timedelta

#: Microseconds in a second.
MICROSECONDS = 1_000_000
#: The years of times that count from the Unix epoch. Earlier ones count from the start of a phone or of a recording.
_YEARS = (2000, 9999)
_FIRST_US, _LAST_US = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * MICROSECONDS for year in _YEARS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_date(time_us: int) -> datetime | None:
    """Return the date of an event time, in UTC; None if the clock does not count from the Unix epoch.

    Parameters
    ----------
    time_us : int
        Event time, µs.

    Examples
    --------
    >>> as_date(1_777_636_800_020_000), as_date(5_000_000)
    (datetime.datetime(2026, 5, 1, 12, 0, 0, 20000, tzinfo=datetime.timezone.utc), None)
    """
    return _EPOCH + timedelta(microseconds=time_us) if _FIRST_US <= time_us < _LAST_US else None


def time_text(time_us: int) -> str:
    """Return an event time as a date if the clock counts from the Unix epoch, else in seconds.

    Examples
    --------
    >>> time_text(1_777_636_800_020_000), time_text(5_000_000)
    ('2026-05-01 12:00:00 UTC', '5.0 s')
    """
    date = as_date(time_us)
    return f"{time_us / MICROSECONDS:,.1f} s" if date is None else f"{date:%Y-%m-%d %H:%M:%S} UTC"
