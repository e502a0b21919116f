"""Write answers as one page that needs no other file and no connection, with plots to zoom into."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classify.plots.collecting import DrawnSession, DrawnSessions
from classify.plots.envelope import Envelope
from classify.summary import SessionAnswers, Summary
from classify.summary_text import duration, who
from classify.windows import Session
from har.activity_styles import activity_style
from har.process.whole_files import write_whole
from har.time_units import MICROSECONDS, as_date
from recording_files.understanding import counted

#: Values of readings are written in this unit, m/s², and those of the confidence in this one.
_STEP, _SHARE = 0.01, 0.001
#: The scripts in the order in which they need each other.
_SCRIPTS = ("data.js", "scales.js", "panels.js", "page.js")
_LARGEST = np.iinfo(np.int16).max
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def write_page(path: Path, drawn: DrawnSessions, answered: Sequence[SessionAnswers], summary: Summary) -> None:
    """Write the page; it appears complete or not at all.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    write_whole(path, page(drawn, answered, summary).encode())


def page(drawn: DrawnSessions, answered: Sequence[SessionAnswers], summary: Summary) -> str:
    """Return the page."""
    folder = files("classify.plots")
    names = list(summary.seconds)
    sessions = [
        _of_session(each.session, drawn.sessions[each.session], each, names, summary.hop_seconds)
        for each in answered
        if each.session in drawn.sessions
    ]
    script = "".join(_inline((folder / name).read_text("utf-8")) for name in _SCRIPTS)
    style = (folder / "page.css").read_text("utf-8")
    document = {"activities": [_activity(name, summary) for name in names], "sessions": sessions}
    # In a script, "<" could end it.
    data = json.dumps(document, ensure_ascii=False).replace("<", "\\u003c")
    text = {
        "TITLE": escape(_title(summary)),
        "FACTS": escape(_facts(summary, len(sessions))),
        "POLICY": f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'",
        "STYLE": style,
        "DATA": data,
        "SCRIPT": script,
    }
    template = (folder / "page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: text[found[1]], template)


def _inline(script: str) -> str:
    """Return a module for a page that has all modules in one script: they need not import each other."""
    return _EXPORT.sub("", _IMPORT.sub("", script))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _title(summary: Summary) -> str:
    names = list(dict.fromkeys(Path(session.file).name for session in summary.sessions))
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _facts(summary: Summary, drawn: int) -> str:
    total, sessions = duration(sum(summary.seconds.values())), len(summary.sessions)
    more = f"; the first {drawn} are drawn" if sessions > drawn else ""
    in_them = f"{counted(sessions, 'session')}{more} · {counted(summary.windows, 'window')}"
    kinds = "".join(f" · {counted(found.windows, 'window')} unknown: {found.title}" for found in summary.kinds)
    return f"{total} in {in_them} · release {summary.release}{kinds}"


def _activity(name: str, summary: Summary) -> dict[str, object]:
    style, seconds = activity_style(name), summary.seconds[name]
    return {
        "title": style.title,
        "colour": style.colour,
        "time": duration(seconds),
        "share": seconds / sum(summary.seconds.values()),
    }


def _of_session(
    session: Session, drawn: DrawnSession, answered: SessionAnswers, names: Sequence[str], hop_seconds: float
) -> dict[str, object]:
    drawn.flush()
    spans = [
        [names.index(span.activity), _seconds(span.start, session), _seconds(span.end, session)]
        for span in answered.spans
    ]
    return {
        "file": session.file.name,
        "who": who(session),
        "begin": session.begin / 1_000 if as_date(session.begin) else None,
        "readings": _signal(drawn.readings, session, _STEP, 1.0),
        "confidence": _signal(drawn.confidence, session, _SHARE, 1.5 * hop_seconds),
        "spans": spans,
    }


def _seconds(time_us: int, session: Session) -> float:
    return round((time_us - session.begin) / MICROSECONDS, 3)


def _signal(envelope: Envelope, session: Session, step: float, gap: float) -> dict[str, object]:
    """Return the buckets as base64: times in s as float64, values in `step` as int16, bucket by bucket.

    No line is drawn over a longer time without values than `gap`, s.
    """
    found = envelope.buckets()
    times = ((found.times - session.begin) / MICROSECONDS).astype("<f8")

    def encoded(values: NDArray[np.float32]) -> str:
        whole = np.clip(np.round(values / step), -_LARGEST, _LARGEST).astype("<i2")
        return base64.b64encode(whole.tobytes()).decode()

    return {
        "step": step,
        "gap": max(gap, 1.6 * envelope.width_us / MICROSECONDS),
        "times": base64.b64encode(times.tobytes()).decode(),
        "least": encoded(found.least),
        "mean": encoded(found.mean),
        "most": encoded(found.most),
    }
