"""What must hold of a table before anything is trained on it; a source itself gives its rows as they are."""

from collections.abc import Iterable, Iterator

import numpy as np

from har.activity_names import meant_label
from har.recordings import RecordingError
from trainer.sources.rates import RateMeter, SessionRate
from trainer.sources.source import Source
from trainer.sources.table import Part

#: How far a session's rate may be from what its data set states, as a share.
RATE_TOLERANCE = 0.1
#: No phone samples slower or faster, Hz: then `t` has another unit than it should.
PLAUSIBLE_RATES_HZ = (1.0, 2_000.0)


def checked_parts(source: Source) -> Iterator[Part]:
    """Read a source and reject what cannot be trained on.

    Yields
    ------
    Part
        As the source gives them; the rates are judged at the end.

    Raises
    ------
    RecordingError
        If a reading is not finite, a label is another name of a known one, or a session's rate is not what the
        source states, or none that a phone can have. The text names the file and the row, or the session.
    """
    meter = RateMeter()
    for part in source.parts():
        reject_broken_readings(part)
        reject_renamed_labels(part)
        meter.add(part)
        yield part
    reject_wrong_rates(meter.sessions(), source.rate_hz)


def reject_broken_readings(part: Part) -> None:
    """Raise if a reading is not finite; the text says where the first is, and whose."""
    broken = ~np.isfinite(part.axes()).all(axis=1)
    if not broken.any():
        return
    row = int(broken.argmax())
    user, session = (part.table[name][row].as_py() for name in ("user", "session"))
    raise RecordingError(
        f"{part.file}: {int(broken.sum())} of {len(part)} rows hold NaN or infinity in x, y or z, "
        f"first row {part.first_row + row} (user {user}, session {session})"
    )


def reject_renamed_labels(part: Part) -> None:
    """Raise if a label is a known activity by another name, which would else be a class of its own."""
    labels = part.coded("gt")
    for code, label in enumerate(labels.texts.tolist()):
        meant = meant_label(label)
        if meant is not None and (labels.codes == code).any():
            row = part.first_row + int((labels.codes == code).argmax())
            raise RecordingError(f"{part.file}: unknown label {label!r}, row {row}: is it {meant!r}?")


def reject_repeated_sessions(data_sets: Iterable[tuple[object, Iterable[tuple[str, str]]]]) -> None:
    """Raise if two data sets hold the same session of a person: its windows would count twice, or in two splits.

    Parameters
    ----------
    data_sets : iterable of tuple
        Each data set's path, and the person, ``device/user``, and session of everything in it.

    Raises
    ------
    RecordingError
        With the session and both data sets.
    """
    seen: dict[tuple[str, str], tuple[int, object]] = {}
    for number, (path, sessions) in enumerate(data_sets):
        for person, session in sessions:
            first, earlier = seen.setdefault((person, session), (number, path))
            if first != number:
                raise RecordingError(
                    f"{path}: session {session} of {person} is in an earlier table, too: {earlier}. Give one of them"
                )


def reject_wrong_rates(sessions: list[SessionRate], rate_hz: float | None) -> None:
    """Raise if a session's rate is not what its data set states, or not plausible.

    Parameters
    ----------
    sessions : list of SessionRate
        What was measured.
    rate_hz : float or None
        What the data set states, if it does.
    """
    for session in sessions:
        fault = rate_fault(session, rate_hz)
        if fault is not None:
            raise RecordingError(f"{session.file}: {session.name}: {fault}")


def rate_fault(session: SessionRate, rate_hz: float | None) -> str | None:
    """Say what is wrong with a session's rate, and what to do; None if nothing is."""
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
            "correct t, or the rate that is stated"
        )
    return None
