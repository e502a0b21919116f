"""Write an evaluation as a self-contained HTML file."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from har.activity_styles import activity_style
from har.decisions import NO_THRESHOLDS, Thresholds
from har.process.whole_files import write_whole
from trainer.evaluation import pictures
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.scores import EvaluationScores, measure
from trainer.evaluation.tables import stated_thresholds
from trainer.evaluation.unknown import ThresholdChoice

TEMPLATE = "report.html"


@dataclass(frozen=True, eq=False)
class Section:
    """The part of a report about one protocol.

    Attributes
    ----------
    title : str
        Title, such as ``"5 folds by user, waist"``.
    outcomes : Outcomes
        Predictions, with at least one window of the classes.
    thresholds : Thresholds
        When a prediction is unknown.
    warning : str
        Why the figures do not hold for unseen people; empty if they do.
    choice : ThresholdChoice, optional
        How the threshold was chosen; None if the section shows no choice.
    """

    title: str
    outcomes: Outcomes
    thresholds: Thresholds = NO_THRESHOLDS
    warning: str = ""
    choice: ThresholdChoice | None = None


class ReportError(OSError):
    """A report cannot be written; the message names the file and the reason."""


def check_writable(path: Path) -> None:
    """Check before a long training whether a report can be written.

    Raises
    ------
    ReportError
        If the parent folder does not exist or is not writable, or the path is a folder.
    """
    if not path.parent.is_dir():
        raise ReportError(f"{path}: cannot write the report: {path.parent} is not a folder")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ReportError(f"{path}: cannot write the report")


def write_report(path: Path, title: str, sections: Sequence[Section], facts: Mapping[str, str] | None = None) -> None:
    """Write an evaluation as HTML.

    Parameters
    ----------
    path : Path
        File to write; an existing file is replaced.
    title : str
        Title of the report.
    sections : sequence of Section
        One section per protocol.
    facts : mapping of str to str, optional
        Further facts at the top of the report, such as release and data.

    Raises
    ------
    ReportError
        If the file cannot be written; an existing file stays unchanged.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("trainer.evaluation", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["share"] = _share
    environment.filters["stated"] = stated_thresholds
    environment.filters["title_of"] = lambda name: activity_style(name).title
    environment.filters["colour_of"] = lambda name: activity_style(name).colour
    parts = [_part(section) for section in sections]
    text = environment.get_template(TEMPLATE).render(title=title, facts=dict(facts or {}), parts=parts)
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise ReportError(f"{path}: cannot write the report: {error.strerror}") from error


def _part(section: Section) -> dict[str, Any]:
    found = measure(section.outcomes, section.thresholds)
    shown = section.choice.thresholds if section.choice else section.thresholds
    return {
        "title": section.title,
        "warning": section.warning,
        "choice": section.choice,
        "thresholds": section.thresholds,
        "has_thresholds": section.thresholds != NO_THRESHOLDS,
        "scores": found,
        "confusion": pictures.embedded(pictures.confusion_picture(found)),
        "users": pictures.embedded(pictures.users_picture(found.users, found.spread.median)),
        "reliability": pictures.embedded(pictures.reliability_picture(found.calibration)),
        "confidence": pictures.embedded(pictures.confidence_picture(section.outcomes, shown)),
        "description": _description(found),
    }


def _description(found: EvaluationScores) -> str:
    """Describe the confusion matrix as text, for people who cannot see it."""
    rows = [
        f"{name}: "
        + ", ".join(f"{count} {predicted}" for predicted, count in zip(found.predictions, row, strict=True) if count)
        for name, row in zip(found.classes, found.confusion, strict=True)
    ]
    return "; ".join(rows)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
