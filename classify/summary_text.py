"""A summary as text for a terminal."""

from collections.abc import Iterator

from classify.summary import SessionSummary, Span, Summary
from classify.windows import Session
from har.activity_styles import activity_style
from har.signal_quality import EXPLANATIONS
from recording_files.understanding import counted

#: At most this many sessions, and kinds of change, are listed.
_SESSIONS_LISTED = 12
_CHANGES_LISTED = 6


def summary_text(summary: Summary) -> str:
    """Return a summary as text: a table of the activities, their changes, and a line for each session."""
    return "\n".join(
        [
            _title(summary),
            "",
            *_table(summary),
            *_changes(summary),
            *_reasons(summary),
            *_kinds(summary),
            *_list(summary),
        ]
    )


def duration(seconds: float) -> str:
    """Return a length of time as text.

    Examples
    --------
    >>> duration(7.25), duration(150), duration(9_000)
    ('7 s', '2 min 30 s', '2 h 30 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def who(session: Session | SessionSummary) -> str:
    """Return the names of a session's user, session and device, each once."""
    return ", ".join(dict.fromkeys(filter(None, (session.user, session.session, session.device))))


def _title(summary: Summary) -> str:
    total = duration(sum(summary.seconds.values()))
    return (
        f"{total} in {counted(len(summary.sessions), 'session')}, {counted(summary.windows, 'window')}, "
        f"classified with {summary.release}"
    )


def _table(summary: Summary) -> Iterator[str]:
    total = sum(summary.seconds.values())
    longest = {span.activity: span for span in summary.longest}
    width = max(len(activity_style(name).title) for name in [*summary.seconds, "stairsdown"])
    yield f"{'activity':<{width}}   {'time':>13}   share   longest time without a change"
    for name, seconds in summary.seconds.items():
        span = longest[name]
        where = f"{duration(span.seconds)}, from {_moment(span)}"
        share = f"{100 * seconds / total:.1f} %"
        yield f"{activity_style(name).title:<{width}}   {duration(seconds):>13}   {share:>7}   {where}".rstrip()


def _moment(span: Span) -> str:
    if "T" in span.start:
        return span.start.partition(".")[0].replace("T", " ") + " UTC"
    return f"{float(span.start):.0f} s"


def _changes(summary: Summary) -> Iterator[str]:
    if not summary.changes:
        return
    times = sum(change.times for change in summary.changes)
    named = [
        f"{activity_style(change.before).title} → {activity_style(change.after).title} {change.times:,}"
        for change in summary.changes[:_CHANGES_LISTED]
    ]
    others = sum(change.times for change in summary.changes[_CHANGES_LISTED:])
    yield ""
    if others:
        named.append(counted(others, "other"))
    yield f"{counted(times, 'change')}: {', '.join(named)}"


def _reasons(summary: Summary) -> Iterator[str]:
    for reason, windows in summary.unclassified.items():
        explanation = {**EXPLANATIONS}.get(reason, reason)  # type: ignore[call-overload]
        yield f"{counted(windows, 'window')} unknown, as {explanation} ({reason})"


def _kinds(summary: Summary) -> Iterator[str]:
    for found in summary.kinds:
        yield f"{counted(found.windows, 'window')} unknown: {found.title} ({found.kind})"


def _list(summary: Summary) -> Iterator[str]:
    if len(summary.sessions) < 2:
        return
    yield ""
    yield from (_session_line(session) for session in summary.sessions[:_SESSIONS_LISTED])
    others = len(summary.sessions) - _SESSIONS_LISTED
    if others > 0:
        yield f"and {counted(others, 'more session')}; --json and --output have all of them"


def _session_line(session: SessionSummary) -> str:
    most = sorted(session.seconds.items(), key=lambda item: -item[1])[:3]
    named = ", ".join(f"{activity_style(name).title} {duration(seconds)}" for name, seconds in most)
    return f"{session.file} ({who(session)}): {duration(sum(session.seconds.values()))}; {named}"
