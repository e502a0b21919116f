"""Render the page of a data report, and run `har data report`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import jinja2
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from har.process.whole_files import write_whole
from har.recordings import NULL_LABEL, RecordingError
from har.time_units import MICROSECONDS
from trainer.data_report import pictures
from trainer.data_report.findings import DataFinding, findings_of
from trainer.data_report.survey import Survey, survey_source
from trainer.evaluation.pictures import embedded
from trainer.settings import ReportSettings
from trainer.sources import find_source

_WORST_GAPS = 10


@dataclass(frozen=True)
class _Section:
    """The page's section about one data set."""

    survey: Survey
    findings: list[DataFinding]
    hours: float
    activities: list[str]
    classes: str
    users: str
    traces: str
    rates: str
    gaps: str | None
    worst_gaps: list[tuple[str, int, float]]


def render_report(surveys: Sequence[Survey], fewest_windows: int) -> str:
    """Render the page as one HTML document without external resources.

    Parameters
    ----------
    surveys : sequence of Survey
        Surveys of the data sets; the page has a section for each.
    fewest_windows : int
        See `findings_of`.
    """
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(files("trainer.data_report").joinpath("page.html").read_text("utf-8"))
    return template.render(sections=[_section(survey, fewest_windows) for survey in surveys])


def run(settings: ReportSettings) -> int:
    """Run `har data report`; return the exit status."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            surveys = []
            for path in settings.data:
                progress.add_task(f"reading {path}")
                surveys.append(survey_source(find_source(path, rate_hz=settings.rate_hz)))
            progress.add_task("drawing")
            page = render_report(surveys, settings.fewest_windows)
        settings.output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(settings.output, page.encode())
    except (RecordingError, OSError) as error:
        print(f"har data report: {error}", file=sys.stderr)
        return 1
    for survey in surveys:
        for finding in findings_of(survey, settings.fewest_windows):
            print(f"{survey.path.name}: {finding.weight}: {finding.text}")
    print(f"{settings.output}: {sum(survey.readings for survey in surveys):,} readings")
    return 0


def _section(survey: Survey, fewest_windows: int) -> _Section:
    gappy = sorted((session for session in survey.sessions if session.gaps), key=lambda session: -session.gaps)
    activities = [label for label in survey.labels if label != NULL_LABEL]
    traces = [survey.traces[label] for label in [*activities, NULL_LABEL] if label in survey.traces]
    return _Section(
        survey=survey,
        findings=findings_of(survey, fewest_windows),
        hours=sum(survey.seconds.values()) / 3600,
        activities=activities,
        classes=embedded(pictures.class_picture(survey.label_seconds())),
        users=embedded(pictures.user_picture(survey)),
        traces=embedded(pictures.trace_picture(traces)),
        rates=embedded(pictures.rate_picture(survey.rates)),
        gaps=embedded(pictures.gap_picture(survey.gaps_us)) if any(survey.gaps_us.values()) else None,
        worst_gaps=[
            (session.name, session.gaps, session.longest_gap_us / MICROSECONDS) for session in gappy[:_WORST_GAPS]
        ],
    )
