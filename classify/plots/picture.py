"""Draw answers as a picture, with matplotlib."""

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib.dates
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from classify.plots.collecting import DrawnSession, DrawnSessions
from classify.plots.envelope import Envelope
from classify.summary import SessionAnswers, Summary
from classify.summary_text import duration, who
from classify.windows import Session
from har.activity_styles import activity_style
from har.process.whole_files import part_of
from har.resampling import Times
from har.time_units import MICROSECONDS, as_date
from recording_files.understanding import counted

#: At most this many sessions are drawn: a picture cannot be zoomed into.
MOST_SESSIONS = 8
#: Buckets of a session: more than the picture has points in a row.
_BUCKETS = 4_096
_COLOURS = {"x": "#c8402f", "y": "#1f8a4c", "z": "#2f62c8"}
_MUTED = "#5f6878"
_SESSION_INCHES, _TITLE_INCHES = 5.2, 0.9


def write_picture(path: Path, drawn: DrawnSessions, answered: Sequence[SessionAnswers], summary: Summary) -> None:
    """Write the picture; it appears complete or not at all. Fewer details are kept of the sessions afterwards.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    shown = [each for each in answered if each.session in drawn.sessions][:MOST_SESSIONS]
    names = list(summary.seconds)
    height = _TITLE_INCHES + _SESSION_INCHES * len(shown)
    figure = Figure(figsize=(15, height), dpi=110, layout="constrained")
    figure.suptitle(_title(summary, len(shown)), x=0.01, ha="left", fontsize=13)
    for each, part in zip(shown, figure.subfigures(len(shown), 1, squeeze=False)[:, 0], strict=True):
        _draw_session(part, each, drawn.sessions[each.session], names, summary.hop_seconds)
    unfinished = part_of(path)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # a name may be in any script
            figure.savefig(unfinished, format="png")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _title(summary: Summary, shown: int) -> str:
    sessions = len(summary.sessions)
    more = f", the first {shown} are drawn" if sessions > shown else ""
    times = ", ".join(f"{activity_style(name).title} {duration(seconds)}" for name, seconds in summary.seconds.items())
    counts = f"{counted(summary.windows, 'window')} in {counted(sessions, 'session')}"
    return f"{times}\n{counts}{more}; release {summary.release}"


def _draw_session(
    part: Any,  # noqa: ANN401 - matplotlib's SubFigure
    answered: SessionAnswers,
    drawn: DrawnSession,
    names: Sequence[str],
    hop_seconds: float,
) -> None:
    session = answered.session
    readings, lanes, confidence = part.subplots(3, 1, sharex=True, height_ratios=(3, 0.32 * len(names) + 0.2, 1.2))
    readings.set_title(f"{session.file.name} ({who(session)})", loc="left", fontsize=11)
    drawn.flush()
    for channel, (axis, colour) in enumerate(_COLOURS.items()):
        _draw_signal(readings, drawn.readings, session, channel, colour, axis, MICROSECONDS)
    readings.set_ylabel("m/s²")
    readings.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, handlelength=1.2)
    for lane, name in enumerate(names):
        spans = [
            (_place(span.start, session), _place(span.end, session) - _place(span.start, session))
            for span in answered.spans
            if span.activity == name
        ]
        lanes.broken_barh(spans, (lane - 0.4, 0.8), color=activity_style(name).colour, linewidth=0)
    lanes.set_yticks(range(len(names)), [activity_style(name).title for name in names])
    lanes.set_ylim(len(names) - 0.4, -0.6)
    _draw_signal(confidence, drawn.confidence, session, 0, _COLOURS["z"], "", round(1.5 * hop_seconds * MICROSECONDS))
    confidence.set_ylim(0, 1.02)
    confidence.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    confidence.set_ylabel("confidence")
    for panel in (readings, lanes, confidence):
        panel.set_axisbelow(True)
        panel.grid(axis="x", color="#e3e6eb", linewidth=0.7)
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(colors=_MUTED, labelcolor="black")
        panel.margins(x=0.005)
    _mark_times(confidence, session)


def _place(time_us: int, session: Session) -> float:
    """Return the place of a time on the axis: days since 1970, or seconds from the beginning of the session."""
    if as_date(session.begin):
        return time_us / MICROSECONDS / 86_400
    return (time_us - session.begin) / MICROSECONDS


def _draw_signal(
    panel: Any,  # noqa: ANN401 - matplotlib's Axes
    envelope: Envelope,
    session: Session,
    channel: int,
    colour: str,
    label: str,
    gap_us: int,
) -> None:
    envelope.limit(_BUCKETS)
    found = envelope.buckets()
    times, rows = _with_gaps(found.times, max(2 * envelope.width_us, gap_us))
    places = np.array([_place(int(time), session) for time in times])

    def values(of: Any) -> Any:  # noqa: ANN401 - float32 with NaN where there is a gap
        return np.where(rows >= 0, of[rows, channel], np.nan)

    panel.fill_between(places, values(found.least), values(found.most), color=colour, alpha=0.25, linewidth=0)
    panel.plot(places, values(found.mean), color=colour, linewidth=0.9, label=label)


def _with_gaps(times: Times, gap_us: int) -> tuple[Times, np.ndarray[Any, np.dtype[np.int64]]]:
    """Return times with one more in each gap, and the row of each; -1 for those in gaps."""
    after = np.flatnonzero(np.diff(times) > gap_us) + 1
    return np.insert(times, after, times[after - 1] + 1), np.insert(np.arange(len(times)), after, -1)


def _mark_times(panel: Any, session: Session) -> None:  # noqa: ANN401 - matplotlib's Axes
    if as_date(session.begin):
        locator = matplotlib.dates.AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]
        panel.xaxis.set_major_locator(locator)
        dates = matplotlib.dates.ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call]
        panel.xaxis.set_major_formatter(dates)
        panel.set_xlabel("UTC")
    else:
        panel.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 1.5, 3, 6, 10]))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _clock(seconds)))
        panel.set_xlabel("from the beginning of the session")


def _clock(seconds: float) -> str:
    moment = datetime.fromtimestamp(max(seconds, 0), UTC)
    hours = int(max(seconds, 0) // 3_600)
    return f"{hours}:{moment:%M:%S}" if hours else f"{moment:%M:%S}"
