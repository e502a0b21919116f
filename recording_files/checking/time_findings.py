"""Findings about the event times of a data set."""

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from itertools import pairwise
from statistics import median_low

import numpy as np

from har.activity_names import listed
from har.recording_cutter import DISORDER_US
from har.time_units import MICROSECONDS, as_date, time_text
from recording_files.checking.clock import Overlay
from recording_files.checking.finding import Finding, Weight
from recording_files.checking.grouping import STOPPING_SHARE, Fault, one_finding
from recording_files.checking.rates import FEWEST_READINGS
from recording_files.checking.session_check import SessionCheck
from recording_files.checking.strictness import RATE_TOLERANCE, rate_fault

#: With this share of readings that differ but have one time, the times tell nothing.
_MOST_CONFLICTS = 0.3
#: With a smaller share, conflicts are not worth a warning.
_FEW_CONFLICTS = 0.001
#: An overlay of less than this, and of less than this share of a session, spoils few windows.
_SHORT_OVERLAY_US, _SMALL_OVERLAY = 60 * MICROSECONDS, 0.1
_HOUR_US = 3_600 * MICROSECONDS
#: A clock that changes by an hour continues within this time.
_CONTINUES_US = 5 * MICROSECONDS
_UNITS_PER_SECOND = {"seconds": 1, "milliseconds": 1_000, "microseconds": 10**6, "nanoseconds": 10**9}
TELL_APART = "tell them apart by a column with --session or --user, or put each into a file of its own"


def time_findings(
    sessions: Sequence[SessionCheck], rate_hz: float | None, *, in_order: bool, is_strict: bool
) -> tuple[list[Finding], set[int]]:
    """Return the findings, and the places of the sessions whose times tell nothing."""
    overlays = {place: overlay for place, session in enumerate(sessions) if (overlay := session.clock.overlay())}
    shared = {
        place: text
        for place, session in enumerate(sessions)
        if place not in overlays and (text := _shared_times(session))
    }
    rates = {
        place: text
        for place, session in enumerate(sessions)
        if place not in {*shared, *overlays} and (text := rate_fault(session.rate, rate_hz))
    }
    faults = [Fault(sessions[place], text) for place, text in shared.items()]
    wrong = [Fault(sessions[place], text) for place, text in rates.items()]
    found = [
        *one_finding(faults, sessions, _remedy_of_shared(faults)),
        *one_finding(wrong, sessions, _UNIT_REMEDY, share=0 if is_strict else STOPPING_SHARE),
        *_overlays(sessions, overlays),
        *_conflicts(sessions, {*shared, *overlays}),
        *_unusual_rates(sessions, {*rates, *shared, *overlays}),
        *(_late(sessions, overlays.keys()) if in_order else ()),
        *_hours(sessions),
        *_people(sessions),
        *_gaps(sessions),
    ]
    return found, {*shared, *rates, *overlays}


_UNIT_REMEDY = "state the unit of the times with --time-unit, or correct them"


def _shared_times(session: SessionCheck) -> str | None:
    """Return why many readings have one time; None if they do not."""
    rate, step_us = session.rate, session.clock.smallest_step_us
    if session.readings < FEWEST_READINGS or rate.conflicts <= _MOST_CONFLICTS * session.readings:
        return None
    stored = _stored_in_32_bits(session.clock.newest_us, step_us)
    if stored is not None:
        return stored
    if not step_us:
        return "all readings have the same time"
    of_each = session.readings / max(1, session.readings - rate.conflicts - rate.repeats)
    many = f"about {of_each:.1f} readings that differ have one time"
    if step_us >= MICROSECONDS // 10:
        return f"{many}: the times have steps of {step_us / MICROSECONDS:g} s"
    return f"{many}: the clock stands still between readings, or several people, phones or sensors are in one session"


def _stored_in_32_bits(newest_us: int, step_us: int) -> str | None:
    """Return that times were stored as 32-bit floats if they have the steps of such floats; else None."""
    for unit, per_second in _UNITS_PER_SECOND.items():
        newest = newest_us / MICROSECONDS * per_second
        step = float(np.spacing(np.float32(newest)))
        is_whole = abs(newest - float(np.float32(newest))) < 0.01 * step
        is_coarse = step >= per_second / 10
        if is_coarse and is_whole and (not step_us or abs(step_us / MICROSECONDS * per_second / step - 1) < 0.01):
            seconds = step / per_second
            return f"the times have steps of {seconds:,.4g} s: they were stored as {unit} in 32-bit floats"
    return None


def _remedy_of_shared(faults: Sequence[Fault]) -> str:
    if faults and "32-bit" in faults[0].text:
        return "such floats cannot hold times since 1970: export the times anew as 64-bit floats or whole numbers"
    if faults and "several people" in faults[0].text:
        return f"if there are several, {TELL_APART}; else export the times with all their digits"
    return "export the times with all their digits, or name no times and state --rate-hz"


def _overlays(sessions: Sequence[SessionCheck], overlays: dict[int, Overlay]) -> Iterator[Finding]:
    hours, restarts, short = list[Fault](), list[Fault](), list[Fault]()
    for place, (covered_us, run) in overlays.items():
        session = sessions[place]
        length_us = session.clock.newest_us - session.clock.oldest_us
        back = f"the clock goes {_jump(run.jump_us)} at {time_text(run.begin_us)}"
        of = f"and the readings of {covered_us / MICROSECONDS:,.0f} s overlay others of the same time"
        if abs(run.jump_us + _HOUR_US) < _CONTINUES_US and as_date(run.begin_us):
            text = f"{back}, {of}: they are local times at the end of daylight saving time"
            hours.append(Fault(session, text, run.place))
        elif covered_us < _SHORT_OVERLAY_US and covered_us < _SMALL_OVERLAY * length_us:
            short.append(Fault(session, f"{back}, {of}", run.place))
        else:
            text = f"{back}, {of}: the clock restarts, or several recordings are in one session"
            restarts.append(Fault(session, text, run.place))
    zone = "export the times in UTC or with their offset, or name the time after the jump as another --session"
    yield from one_finding(hours, sessions, zone)
    yield from one_finding(restarts, sessions, TELL_APART)
    yield from one_finding(short, sessions, TELL_APART, most=Weight.WARNS)


def _jump(jump_us: int) -> str:
    seconds = abs(jump_us) / MICROSECONDS
    return f"{'back' if jump_us < 0 else 'forward'} by {seconds:,.0f} s"


def _conflicts(sessions: Sequence[SessionCheck], known: set[int]) -> Iterator[Finding]:
    faults = [
        Fault(session, f"{session.rate.conflicts:,} readings have the time of another one and other values; one counts")
        for place, session in enumerate(sessions)
        if place not in known and session.rate.conflicts > _FEW_CONFLICTS * session.readings
    ]
    yield from one_finding(faults, sessions, "find out which are right", most=Weight.WARNS)
    repeats = sum(session.rate.repeats for session in sessions)
    if repeats:
        yield Finding(Weight.NOTES, f"{repeats:,} readings are repeated; each counts once")


def _unusual_rates(sessions: Sequence[SessionCheck], known: set[int]) -> Iterator[Finding]:
    by_model: dict[str, list[float]] = defaultdict(list)
    for place, session in enumerate(sessions):
        if place not in known and session.rate.rate_hz:
            by_model[session.names.model].append(session.rate.rate_hz)
    median = {model: median_low(rates) for model, rates in by_model.items()}
    faults = [
        Fault(
            session,
            f"sampled at {measured:.1f} Hz, but the median of the sessions of a {session.names.model} "
            f"is {usual:.1f} Hz",
        )
        for place, session in enumerate(sessions)
        if place not in known
        and (measured := session.rate.rate_hz)
        and abs(measured - (usual := median[session.names.model])) > RATE_TOLERANCE * usual
    ]
    yield from one_finding(faults, sessions, "", most=Weight.WARNS)


def _late(sessions: Sequence[SessionCheck], overlaid: Container[int]) -> Iterator[Finding]:
    faults = [
        Fault(
            session,
            f"{session.clock.late:,} readings stand after others that are more than {DISORDER_US // MICROSECONDS} s "
            "newer, and are left out",
            session.clock.first_late,
        )
        for place, session in enumerate(sessions)
        if place not in overlaid and session.clock.late
    ]
    yield from one_finding(faults, sessions, "sort the rows by time")


def _hours(sessions: Sequence[SessionCheck]) -> Iterator[Finding]:
    faults = [
        Fault(session, f"the clock jumps forward by one hour at {time_text(run.begin_us)}", run.place)
        for session in sessions
        for run in session.clock.jumps()[:1]
        if as_date(run.begin_us) and 0 <= run.jump_us - _HOUR_US < MICROSECONDS // 2
    ]
    remedy = (
        "if they are local times at the begin of daylight saving time, export them in UTC; no window crosses the jump"
    )
    yield from one_finding(faults, sessions, remedy, most=Weight.NOTES)


def _people(sessions: Sequence[SessionCheck]) -> Iterator[Finding]:
    """Yield a finding if one phone recorded several people at the same time."""
    wearing: dict[tuple[str, str], list[SessionCheck]] = defaultdict(list)
    for session in sessions:
        if as_date(session.clock.oldest_us):
            wearing[session.names.device, session.names.session].append(session)
    faults = []
    for of_phone in wearing.values():
        ordered = sorted(of_phone, key=lambda session: session.clock.oldest_us)
        for earlier, later in pairwise(ordered):
            if later.clock.oldest_us < earlier.clock.newest_us:
                names = listed(dict.fromkeys(session.names.user for session in ordered))
                faults.append(Fault(later, f"several people have readings of one phone at the same time: {names}"))
                break
    yield from one_finding(faults, sessions, "correct the user, or the device, of the readings", most=Weight.WARNS)


def _gaps(sessions: Sequence[SessionCheck]) -> Iterator[Finding]:
    rates = [session.rate for session in sessions if session.rate.gaps]
    if rates:
        worst = max(rates, key=lambda rate: rate.longest_gap_us)
        yield Finding(
            Weight.NOTES,
            f"{len(rates)} of {len(sessions)} sessions have gaps of more than 1 s, "
            f"{sum(rate.gaps for rate in rates):,} in total; no window crosses one. "
            f"The longest, {worst.longest_gap_us / MICROSECONDS:,.0f} s: {worst.names}",
        )
