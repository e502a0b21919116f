"""The check of event times against the gateway's clock."""

from har.rejections import RejectedMessage
from har.time_units import MICROSECONDS


class ClockLimits:
    """Rejects messages whose event times are too far from the gateway's clock.

    Parameters
    ----------
    max_ahead_seconds, max_behind_seconds : float
        How far an event time may be ahead of or behind the gateway's clock, s.
    """

    def __init__(self, *, max_ahead_seconds: float, max_behind_seconds: float) -> None:
        self._max_ahead_seconds = max_ahead_seconds
        self._max_behind_seconds = max_behind_seconds

    def check(self, newest: int, oldest: int, arrived: int) -> None:
        """Check the newest and the oldest event time of a message that arrived at `arrived`; all µs since the epoch.

        Raises
        ------
        RejectedMessage
            With code ``future`` or ``past``.

        Examples
        --------
        >>> ClockLimits(max_ahead_seconds=60, max_behind_seconds=3_600).check(90_500_000, 0, 0)
        Traceback (most recent call last):
        har.rejections.RejectedMessage: future: a time is 90.5 s ahead of the gateway's clock; the limit is 60 s: \
set the device's clock
        """
        ahead, behind = (newest - arrived) / MICROSECONDS, (arrived - oldest) / MICROSECONDS
        if ahead > self._max_ahead_seconds:
            raise RejectedMessage("future", _distance(ahead, "ahead of", self._max_ahead_seconds))
        if behind > self._max_behind_seconds:
            raise RejectedMessage("past", _distance(behind, "behind", self._max_behind_seconds))


def _distance(seconds: float, where: str, limit: float) -> str:
    shown = f"{seconds:.1f}".removesuffix(".0")
    return f"a time is {shown} s {where} the gateway's clock; the limit is {limit:g} s: set the device's clock"
