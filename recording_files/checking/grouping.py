"""One finding about all sessions with the same fault, so that a large data set does not print a thousand lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from har.activity_names import listed
from recording_files.checking.clock import Place
from recording_files.checking.finding import Finding, Weight
from recording_files.checking.session_check import SessionCheck

#: A fault makes answers meaningless if the sessions with it have more than this share of the data set's readings.
STOPPING_SHARE = 0.05
_MOST_NAMED = 3


@dataclass(frozen=True)
class Fault:
    """A fault of one session.

    Attributes
    ----------
    session : SessionCheck
        The session.
    text : str
        What is wrong with it.
    place : Place or None
        Where it begins; None if it is in the whole session.
    """

    session: SessionCheck
    text: str
    place: Place | None = None


def one_finding(
    faults: Sequence[Fault],
    sessions: Sequence[SessionCheck],
    remedy: str,
    *,
    most: Weight = Weight.STOPS,
    share: float = STOPPING_SHARE,
) -> Iterator[Finding]:
    """Yield one finding about all sessions with a fault, described by the first; nothing if there are none.

    Parameters
    ----------
    faults : sequence of Fault
        The sessions with the fault.
    sessions : sequence of SessionCheck
        All sessions of the data set.
    remedy : str
        What to do.
    most : Weight
        The finding's weight. A fault of few readings is at most a warning.
    share : float
        Share of the readings up to which they are few.
    """
    if not faults:
        return
    concerned = sum(fault.session.readings for fault in faults) / sum(session.readings for session in sessions)
    weight = Weight.WARNS if most is Weight.STOPS and concerned <= share else most
    first, *others = faults
    text = first.text
    if others:
        named = listed((f"{fault.session.names.user}/{fault.session.names.session}" for fault in others), _MOST_NAMED)
        text += f" (the same in {len(others):,} more of {len(sessions):,} sessions: {named})"
    yield Finding(weight, text, first.session.describe(first.place), remedy)
