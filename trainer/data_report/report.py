"""Render the page of a data report, and run `har data report`."""

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import jinja2
from matplotlib import rc_context
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from har.activity_names import NULL_LABEL, is_own_word
from har.process.whole_files import write_whole
from har.recordings import RecordingError
from har.time_units import MICROSECONDS
from recording_files import find_source
from recording_files.checking import status_of
from recording_files.checking.finding import Finding
from recording_files.checking.printing import line_of
from recording_files.understanding import print_understood
from trainer import defaults
from trainer.data_report import pictures
from trainer.data_report.findings import findings_of
from trainer.data_report.survey import Survey, survey_source
from trainer.data_settings import ReportSettings
from trainer.evaluation.pictures import embedded
from trainer.preparation.class_choice import asks_for

_WORST_GAPS = 10
#: Labels that are none of the classes and that the pictures show; the table lists every one.
_MOST_DRAWN = 8


@dataclass(frozen=True)
class _Unasked:
    """An activity that is none of the classes, and how long each user did it, s; the longest first."""

    label: str
    kind: str
    seconds: float
    users: list[tuple[str, float]]


@dataclass(frozen=True)
class _Section:
    """The page's section about one data set."""

    survey: Survey
    findings: list[Finding]
    hours: float
    activities: list[str]
    unasked: list[_Unasked]
    classes: str
    users: str
    traces: str
    rates: str
    gaps: str | None
    worst_gaps: list[tuple[str, int, float]]


def render_report(surveys: Sequence[Survey], fewest_windows: int, classes: Sequence[str] = defaults.CLASSES) -> str:
    """Render the page as one HTML document without external resources.

    Parameters
    ----------
    surveys : sequence of Survey
        Surveys of the data sets; the page has a section for each.
    fewest_windows, classes
        See `findings_of`.
    """
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(files("trainer.data_report").joinpath("page.html").read_text("utf-8"))
    # A label, a user or a model may hold a `$`, which would begin a formula, or letters that the font lacks.
    with rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        sections = [_section(survey, fewest_windows, classes) for survey in surveys]
    return template.render(sections=sections)


def run(settings: ReportSettings) -> int:
    """Run `har data report`; return the exit status."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    try:
        console = Console(stderr=True)
        shown = console.is_terminal and not settings.quiet
        with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
            surveys = []
            for text in settings.stated_data():
                source = find_source(text)
                progress.add_task(f"reading {source.path}")
                surveys.append(survey := survey_source(source))
                check = survey.check
                print_understood(source, check.contents, check.rates_hz, quiet=settings.quiet)
            progress.add_task("drawing")
            classes = asks_for(settings.classes, (label for survey in surveys for label in survey.labels))
            page = render_report(surveys, settings.fewest_windows, classes)
        settings.output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(settings.output, page.encode())
    except (RecordingError, OSError) as error:
        print(f"har data report: {error}", file=sys.stderr)
        return status_of(error)
    for survey in surveys:
        for finding in findings_of(survey, settings.fewest_windows, classes):
            print(line_of(survey.path, finding))
    print(f"{settings.output}: {sum(survey.readings for survey in surveys):,} readings")
    return 0


def _unasked(survey: Survey, classes: Sequence[str]) -> list[_Unasked]:
    found = []
    seconds = survey.label_seconds()
    for label in survey.unasked(classes):
        users = {user: time for (user, shown), time in survey.seconds.items() if shown == label}
        kind = "own word" if is_own_word(label) else "known activity"
        found.append(_Unasked(label, kind, seconds[label], sorted(users.items(), key=lambda each: -each[1])))
    return found


def _section(survey: Survey, fewest_windows: int, classes: Sequence[str]) -> _Section:
    gappy = sorted((session for session in survey.sessions if session.gaps), key=lambda session: -session.gaps)
    activities = [label for label in survey.labels if label != NULL_LABEL]
    unasked = _unasked(survey, classes)
    undrawn = {each.label for each in unasked[_MOST_DRAWN:]}
    drawn = [label for label in [*activities, NULL_LABEL] if label in survey.rows and label not in undrawn]
    traces = [survey.traces[label] for label in drawn if label in survey.traces]
    times = survey.label_seconds()
    return _Section(
        survey=survey,
        findings=findings_of(survey, fewest_windows, classes),
        hours=sum(survey.seconds.values()) / 3600,
        activities=activities,
        unasked=unasked,
        classes=embedded(pictures.class_picture({label: times[label] for label in drawn})),
        users=embedded(pictures.user_picture(survey, drawn)),
        traces=embedded(pictures.trace_picture(traces)),
        rates=embedded(pictures.rate_picture(survey.rates)),
        gaps=embedded(pictures.gap_picture(survey.gaps_us)) if any(survey.gaps_us.values()) else None,
        worst_gaps=[
            (str(session.names), session.gaps, session.longest_gap_us / MICROSECONDS) for session in gappy[:_WORST_GAPS]
        ],
    )
