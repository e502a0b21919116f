"""What a recording shows as a whole: how long each activity was done, changes between them, and the longest spans."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from classify.answers import Answer
from classify.output import start_text
from classify.windows import Session
from har.decisions import UNKNOWN
from har.releases import ReleaseManifest
from har.steady_activity import ActivitySmoother, ActivitySpan, ActivitySpans
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec

#: A longer time between two windows ends a span, µs; at least two hops.
_PAUSE_US = 10 * MICROSECONDS


class Span(msgspec.Struct, frozen=True):
    """A time in which the steady activity was the same.

    Attributes
    ----------
    activity : str
        The activity.
    start, end : str
        ISO 8601, or seconds from the beginning of the session; see `classify.output.start_text`.
    seconds : float
        Its length, s.
    """

    activity: str
    start: str
    end: str
    seconds: float


class Change(msgspec.Struct, frozen=True):
    """How often one steady activity followed another without a pause between them."""

    before: str
    after: str
    times: int


class KindWindows(msgspec.Struct, frozen=True):
    """How many windows are unknown and of one kind of background.

    Attributes
    ----------
    kind, title : str
        The kind's name and, for people, what it is; the release's manifest has both.
    windows : int
        Number of windows.
    """

    kind: str
    title: str
    windows: int


class SessionSummary(msgspec.Struct, frozen=True):
    """Summary of one session.

    Attributes
    ----------
    file, user, device, session : str
        What identifies it.
    windows : int
        Number of windows.
    seconds : dict of str to float
        How long each activity was done, s; of the steady activity.
    unclassified : dict of str to int
        Number of windows whose readings tell too little, by reason.
    spans : list of Span
        The spans of steady activity, in order of time.
    kinds : list of KindWindows
        The kinds of background among its unknown windows, the most frequent first.
    """

    file: str
    user: str
    device: str
    session: str
    windows: int
    seconds: dict[str, float]
    unclassified: dict[str, int]
    spans: list[Span]
    kinds: list[KindWindows]


class Summary(msgspec.Struct, frozen=True):
    """Summary of all sessions.

    Attributes
    ----------
    release : str
        Name of the release.
    windows : int
        Number of windows.
    hop_seconds : float
        Time from one window to the next, s.
    seconds : dict of str to float
        How long each activity was done, s, in the order of the release's classes; of the steady activity.
    unclassified : dict of str to int
        Number of windows whose readings tell too little, by reason.
    changes : list of Change
        Changes of the steady activity, the most frequent first.
    longest : list of Span
        The longest span of each activity, in the order of `seconds`.
    sessions : list of SessionSummary
        The sessions, in order of first appearance.
    kinds : list of KindWindows
        The kinds of background among the unknown windows, the most frequent first.
    """

    release: str
    windows: int
    hop_seconds: float
    seconds: dict[str, float]
    unclassified: dict[str, int]
    changes: list[Change]
    longest: list[Span]
    sessions: list[SessionSummary]
    kinds: list[KindWindows]


@dataclass
class SessionAnswers:
    """What is kept of the answers for one session: counts, and the spans of steady activity.

    Attributes
    ----------
    session : Session
        The session.
    steady : ActivitySpans
        The spans.
    windows : int
        Number of windows.
    unclassified : Counter of str
        Number of windows by reason.
    kinds : Counter of str
        Number of unknown windows by kind of background.
    """

    session: Session
    steady: ActivitySpans
    windows: int = 0
    unclassified: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def spans(self) -> list[ActivitySpan]:
        """The spans of steady activity."""
        return [span for span in self.steady.spans if span.end > span.start]


class Summariser:
    """Takes answers one after the other, in order of time within each session.

    Parameters
    ----------
    manifest : ReleaseManifest
        The manifest of the release that answers.
    spec : WindowSpec
        How the windows are cut.
    """

    def __init__(self, manifest: ReleaseManifest, spec: WindowSpec) -> None:
        self._manifest = manifest
        self._spec = spec
        self._sessions: dict[Session, SessionAnswers] = {}

    @property
    def sessions(self) -> list[SessionAnswers]:
        """The sessions so far, in order of their first answer."""
        return list(self._sessions.values())

    def add(self, answer: Answer) -> None:
        """Add an answer."""
        session, prediction = answer
        known = self._sessions.get(session)
        if known is None:
            smoother = ActivitySmoother(pause_us=max(_PAUSE_US, 2 * self._spec.hop_us))
            known = self._sessions[session] = SessionAnswers(session, ActivitySpans(smoother))
        known.windows += 1
        known.steady.add(prediction)
        if prediction.reason is not None:
            known.unclassified[prediction.reason] += 1
        if prediction.kind is not None:
            known.kinds[prediction.kind] += 1

    def summary(self) -> Summary:
        """Return the summary of all answers so far."""
        names = [*self._manifest.classes, UNKNOWN]
        sessions = [_of_session(answers, names, self._manifest) for answers in self._sessions.values()]
        spans = [span for session in sessions for span in session.spans]
        unclassified = sum((answers.unclassified for answers in self._sessions.values()), Counter[str]())
        kinds = sum((answers.kinds for answers in self._sessions.values()), Counter[str]())
        return Summary(
            release=self._manifest.release,
            windows=sum(session.windows for session in sessions),
            hop_seconds=self._spec.hop_us / MICROSECONDS,
            seconds=_seconds(spans, names),
            unclassified=dict(unclassified.most_common()),
            changes=_changes(self._sessions.values()),
            longest=_longest(spans, names),
            sessions=sessions,
            kinds=_kinds(kinds, self._manifest),
        )


def _of_session(answers: SessionAnswers, names: Sequence[str], manifest: ReleaseManifest) -> SessionSummary:
    session, begin = answers.session, answers.session.begin
    spans = [
        Span(
            span.activity,
            start_text(span.start, begin),
            start_text(span.end, begin),
            (span.end - span.start) / MICROSECONDS,
        )
        for span in answers.spans
    ]
    who = (str(session.file), session.user, session.device, session.session)
    counts = (_seconds(spans, names), dict(answers.unclassified))
    return SessionSummary(*who, answers.windows, *counts, spans, _kinds(answers.kinds, manifest))


def _kinds(counted: Counter[str], manifest: ReleaseManifest) -> list[KindWindows]:
    return [KindWindows(kind, manifest.kind_title(kind) or kind, windows) for kind, windows in counted.most_common()]


def _seconds(spans: Iterable[Span], names: Sequence[str]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for span in spans:
        total[span.activity] += span.seconds  # type: ignore[assignment] # a Counter also sums numbers that are not whole
    return {name: round(total[name], 6) for name in names if total[name]}


def _changes(sessions: Iterable[SessionAnswers]) -> list[Change]:
    counted = Counter(
        (before.activity, after.activity)
        for answers in sessions
        for before, after in pairwise(answers.spans)
        if before.end == after.start and before.activity != after.activity
    )
    return [Change(before, after, times) for (before, after), times in counted.most_common()]


def _longest(spans: Sequence[Span], names: Sequence[str]) -> list[Span]:
    of_each = [[span for span in spans if span.activity == name] for name in names]
    return [max(found, key=lambda span: span.seconds) for found in of_each if found]
