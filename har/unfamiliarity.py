"""Whether a device is worn in a way that its release does not know, judged by the answers alone.

A wearer for whom the release often gives no clear answer is offered a personal head (`har.personal_fitting`). Of the
people whose windows were right less than 80 % of the time (mean over their activities, networks trained without them),
98 % of 50 were ever offered one, and of the others 14 % of 56. With `UNCLEAR_BELOW` 0.6 instead of 0.5 these are 100 %
and 36 %; with `LEAST_SHARE` 0.5 instead of 0.4, 92 % and 9 %; with 0.3, 100 % and 21 %. The numbers were chosen on
these people.
"""

from collections import deque

from har.decisions import UNKNOWN
from har.predictions import Prediction

#: Number of latest classified windows that are looked at.
WINDOWS = 60
#: A class that is named with less confidence is no clear answer.
UNCLEAR_BELOW = 0.5
#: Least share of the windows without a clear answer.
LEAST_SHARE = 0.4


def is_unclear(prediction: Prediction) -> bool:
    """Return whether a classified window has no clear answer: neither a kind of background nor a sure activity."""
    if prediction.activity == UNKNOWN:
        return prediction.kind is None
    return prediction.confidence < UNCLEAR_BELOW


class Unfamiliarity:
    """Follows the answers for one device, in order. Its state is the latest `WINDOWS` answers."""

    def __init__(self) -> None:
        self._unclear: deque[bool] = deque(maxlen=WINDOWS)
        self._latest = ("", 0)

    def add(self, prediction: Prediction) -> None:
        """Add an answer. Windows that were not classified, repeated ones and earlier ones of a session do not count."""
        session, start = self._latest
        is_later = prediction.session != session or prediction.start > start
        if prediction.reason is not None or not is_later:
            return
        self._latest = (prediction.session, prediction.start)
        self._unclear.append(is_unclear(prediction))

    @property
    def is_unfamiliar(self) -> bool:
        """Whether at least `LEAST_SHARE` of the latest `WINDOWS` windows have no clear answer."""
        return len(self._unclear) == WINDOWS and sum(self._unclear) >= LEAST_SHARE * WINDOWS
