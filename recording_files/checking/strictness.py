"""Checks of a data set before training. Sources themselves return their rows unchecked."""

from collections.abc import Iterable, Iterator

import numpy as np

from har.recordings import RecordingError
from recording_files.checking.rates import RateMeter, SessionRate
from recording_files.source import Source
from recording_files.table import Part

#: Largest relative deviation of a session's sample rate from the stated one.
RATE_TOLERANCE = 0.1
#: Lowest and highest plausible sample rate of a phone, Hz. Outside of it, `t` has the wrong unit.
PLAUSIBLE_RATES_HZ = (1.0, 2_000.0)


def checked_parts(source: Source) -> Iterator[Part]:
    """Read a source and check it.

    Yields
    ------
    Part
        The source's parts. The sample rates are checked after the last one.

    Raises
    ------
    RecordingError
        If a reading is not finite, or a session's sample rate is implausible or differs from the stated one. The
        message names the file and the row, or the session.
    """
    meter = RateMeter()
    for part in source.parts():
        reject_broken_readings(part)
        meter.add(part)
        yield part
    reject_wrong_rates(meter.sessions(), source.rate_hz)


def reject_what_training_does(parts: Iterable[Part], rate_hz: float | None) -> None:
    """Raise if a reading is not finite, or a session's sample rate is wrong. For the rest see `checked_parts`."""
    meter = RateMeter()
    for part in parts:
        reject_broken_readings(part)
        meter.add(part)
    reject_wrong_rates(meter.sessions(), rate_hz)


def reject_broken_readings(part: Part) -> None:
    """Raise if a reading is not finite. The message names the row, the user and the session of the first."""
    broken = ~np.isfinite(part.axes()).all(axis=1)
    if not broken.any():
        return
    row = int(broken.argmax())
    user, session = (part.table[name][row].as_py() for name in ("user", "session"))
    raise RecordingError(
        f"{part.file}: {int(broken.sum())} of {len(part)} rows hold NaN or infinity in x, y or z, "
        f"first row {part.first_row + row} (user {user}, session {session})"
    )


def reject_repeated_sessions(data_sets: Iterable[tuple[object, Iterable[tuple[str, str]]]]) -> None:
    """Raise if two data sets hold the same session of a person, as its windows would count twice or in two splits.

    Parameters
    ----------
    data_sets : iterable of tuple
        Path of each data set, and an iterable of its (person, session), with persons as ``device/user``.

    Raises
    ------
    RecordingError
        If a session is repeated. The message names it and both data sets.
    """
    seen: dict[tuple[str, str], tuple[int, object]] = {}
    for number, (path, sessions) in enumerate(data_sets):
        for person, session in sessions:
            first, earlier = seen.setdefault((person, session), (number, path))
            if first != number:
                raise RecordingError(
                    f"{path}: session {session} of {person} is in an earlier table, too: {earlier}. Pass one of them"
                )


def reject_wrong_rates(sessions: list[SessionRate], rate_hz: float | None) -> None:
    """Raise if a session's sample rate is implausible or differs from the stated one.

    Parameters
    ----------
    sessions : list of SessionRate
        Measured rates.
    rate_hz : float or None
        Stated rate, Hz; None if none is stated.

    Raises
    ------
    RecordingError
        If a rate is wrong. The message names the session.
    """
    for session in sessions:
        fault = rate_fault(session, rate_hz)
        if fault is not None:
            raise RecordingError(f"{session.file}: {session.names}: {fault}")


def rate_fault(session: SessionRate, rate_hz: float | None) -> str | None:
    """Return a message about a session's wrong sample rate, with a remedy; None if the rate is right."""
    measured = session.rate_hz
    if measured is None:
        return None
    slowest, fastest = PLAUSIBLE_RATES_HZ
    if not slowest <= measured <= fastest:
        return (
            f"by its times it was sampled at {measured:.4g} Hz, which no phone does; "
            "t must be seconds as floating point, or microseconds as integers"
        )
    if rate_hz is not None and abs(measured - rate_hz) > RATE_TOLERANCE * rate_hz:
        return (
            f"sampled at {measured:.1f} Hz by its times, but the data set states {rate_hz:g} Hz; "
            "correct t or the stated rate"
        )
    return None
