"""Findings about the readings of a data set: their unit, and whether they tell enough."""

from collections.abc import Iterator, Sequence

from har.signal_quality import EXPLANATIONS, counted_reasons
from har.time_units import MICROSECONDS
from recording_files.checking.finding import Finding, Weight
from recording_files.checking.grouping import Fault, one_finding
from recording_files.checking.session_check import SessionCheck

#: With a larger share of readings that are not finite, there is too little left.
_MOST_BROKEN = 0.5
#: With a larger share of readings that are zero on all axes, a session is worth a look.
_MANY_ZEROS = 0.05
#: A session with a larger share of pieces that cannot be classified is reported.
_MOSTLY = 0.9
_UNIT_REMEDY = (
    "state the unit with --unit; if gravity was removed or it is another sensor, pass the raw accelerometer instead"
)


def reading_findings(
    sessions: Sequence[SessionCheck], without_times: set[int], *, is_strict: bool
) -> Iterator[Finding]:
    """Yield the findings. Sessions whose times tell nothing are not judged by seconds or pieces."""
    timed = [session for place, session in enumerate(sessions) if place not in without_times]
    empty = [session for session in sessions if session.gravity.zeros > session.readings / 2]
    yield from _broken(sessions, is_strict)
    yield from _zeros(sessions, empty)
    yield from _gravity(sessions, [session for session in sessions if session not in empty])
    yield from _short(sessions, timed)
    yield from _unreadable(sessions, [session for session in timed if session not in empty], is_strict)
    yield from _repeated([session for session in sessions if session not in empty], is_strict)


def _broken(sessions: Sequence[SessionCheck], is_strict: bool) -> Iterator[Finding]:
    found = [session for session in sessions if session.gravity.broken]
    if found:
        broken, total = (sum(session.gravity.broken for session in found), sum(each.readings for each in sessions))
        yield Finding(
            Weight.STOPS if is_strict or broken > _MOST_BROKEN * total else Weight.WARNS,
            f"{broken:,} of {total:,} readings are NaN, infinite or missing; the first is here",
            found[0].describe(found[0].first_broken),
            "correct or remove these rows",
        )


def _zeros(sessions: Sequence[SessionCheck], empty: Sequence[SessionCheck]) -> Iterator[Finding]:
    zero = "readings are exactly zero on all axes, which gravity makes impossible: the recorder filled them in"
    faults = [Fault(session, f"{session.gravity.zeros:,} of {session.readings:,} {zero}") for session in empty]
    yield from one_finding(faults, sessions, "leave these sessions out, or record them again")
    others = [session for session in sessions if session.gravity.zeros and session not in empty]
    if others:
        most = max(others, key=lambda session: session.gravity.zeros)
        is_many = any(session.gravity.zeros > _MANY_ZEROS * session.readings for session in others)
        yield Finding(
            Weight.WARNS if is_many else Weight.NOTES,
            f"{sum(session.gravity.zeros for session in others):,} readings in {len(others):,} of {len(sessions):,} "
            f"sessions are exactly zero on all axes, which gravity makes impossible: the recorder filled them in. "
            f"The most, {most.gravity.zeros:,}: {most.names}",
        )


def _gravity(sessions: Sequence[SessionCheck], judged: Sequence[SessionCheck]) -> Iterator[Finding]:
    faults = [Fault(session, fault) for session in judged if (fault := session.gravity.fault())]
    yield from one_finding(faults, sessions, _UNIT_REMEDY)
    unusual = [
        Fault(session, f"gravity is measured as {session.gravity.quantile(0.5):.1f} m/s² instead of 9.8")
        for session in judged
        if session.gravity.fault() is None and session.gravity.is_unusual()
    ]
    yield from one_finding(unusual, sessions, "", most=Weight.NOTES)


def _short(sessions: Sequence[SessionCheck], timed: Sequence[SessionCheck]) -> Iterator[Finding]:
    short = [session for session in timed if session.has_no_window]
    if not short:
        return
    window_s = short[0].readability.spec.length_us / MICROSECONDS
    text = f"it has no stretch without a gap that is long enough for a window of {window_s:g} s"
    weight = Weight.STOPS if len(short) == len(sessions) else Weight.NOTES
    remedy = "record longer, or state the unit of the times if they are longer" if weight is Weight.STOPS else ""
    yield from one_finding([Fault(session, text) for session in short], sessions, remedy, most=weight)


def _unreadable(sessions: Sequence[SessionCheck], judged: Sequence[SessionCheck], is_strict: bool) -> Iterator[Finding]:
    """Yield a finding about sessions that cannot be classified. Training leaves their windows out."""
    faults = []
    for session in judged:
        if session.readability.unreadable_share > _MOSTLY:
            faults.append(Fault(session, f"its readings tell too little to name an activity: {_reasons(session)}"))
    if not faults:
        return
    everything = len(faults) == len(judged)
    most = faults[0].session.readability.reasons.most_common(1)[0][0]
    lowest = faults[0].session.readability.bounds.lowest_rate_hz
    remedies = {"sparse": f"record with {lowest:g} Hz or more", "clock": "export the times with all their digits"}
    weight = Weight.STOPS if everything and not is_strict else Weight.WARNS
    yield from one_finding(faults, sessions, remedies.get(most, ""), most=weight)


def _repeated(sessions: Sequence[SessionCheck], is_strict: bool) -> Iterator[Finding]:
    faults = []
    for session in sessions:
        found = session.readability
        if found.is_repeated:
            text = f"readings repeat the one before them in {found.repeated:,} of {found.moving:,} pieces with movement"
            faults.append(Fault(session, f"{text}: the recorder wrote them more often than the phone measured"))
    remedy = "export each reading once, and record with the fastest rate of the sensor"
    yield from one_finding(faults, sessions, remedy, most=Weight.WARNS if is_strict else Weight.STOPS)


def _reasons(session: SessionCheck) -> str:
    counted = session.readability.reasons.most_common()
    most, reasons = counted[0][0], {str(reason): count for reason, count in counted}
    rate = f" ({session.rate.rate_hz:.1f} Hz)" if most == "sparse" and session.rate.rate_hz else ""
    return f"{EXPLANATIONS[most]}{rate}; of {session.readability.judged:,} pieces, {counted_reasons(reasons)}"
