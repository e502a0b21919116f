"""An evaluation as one HTML file with everything in it: no other file, no network."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from har.activities import activity_style
from har.process.whole_files import write_whole
from trainer.evaluation import pictures
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.scores import Measures, measure
from trainer.evaluation.unknown import ThresholdChoice

TEMPLATE = "report.html"


@dataclass(frozen=True, eq=False)
class Section:
    """One protocol's part of a report.

    Attributes
    ----------
    title : str
        Such as ``"5 folds by user, waist"``.
    outcomes : Outcomes
        What the network answered; at least one window must show one of the classes.
    threshold : float
        An answer with a smaller probability was unknown.
    warning : str
        Why the figures must not be read as those of unseen people; empty if they may.
    choice : ThresholdChoice, optional
        How the threshold was chosen.
    """

    title: str
    outcomes: Outcomes
    threshold: float = 0.0
    warning: str = ""
    choice: ThresholdChoice | None = None


class ReportError(OSError):
    """A report cannot be written; the text names the file and says why."""


def check_writable(path: Path) -> None:
    """Raise before hours of training, not after them, if a report could not be written.

    Raises
    ------
    ReportError
        If there is no folder to write it into, or no right to.
    """
    if not path.parent.is_dir():
        raise ReportError(f"{path}: the report cannot be written: {path.parent} is no folder")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ReportError(f"{path}: the report cannot be written there")


def write_report(path: Path, title: str, sections: Sequence[Section], facts: Mapping[str, str] | None = None) -> None:
    """Write an evaluation as HTML.

    Parameters
    ----------
    path : Path
        The file; it is replaced.
    title : str
        What was evaluated.
    sections : sequence of Section
        A part a protocol.
    facts : mapping of str to str, optional
        What else to say at the top: release, data, when.

    Raises
    ------
    ReportError
        If the file cannot be written; what was there before stays.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("trainer.evaluation", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["share"] = _share
    environment.filters["title_of"] = lambda name: activity_style(name).title
    environment.filters["colour_of"] = lambda name: activity_style(name).colour
    parts = [_part(section) for section in sections]
    text = environment.get_template(TEMPLATE).render(title=title, facts=dict(facts or {}), parts=parts)
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise ReportError(f"{path}: the report cannot be written: {error.strerror}") from error


def _part(section: Section) -> dict[str, Any]:
    found = measure(section.outcomes, section.threshold)
    shown = section.threshold or (section.choice.threshold if section.choice else 0.0)
    return {
        "title": section.title,
        "warning": section.warning,
        "choice": section.choice,
        "measures": found,
        "confusion": pictures.embedded(pictures.confusion_picture(found)),
        "users": pictures.embedded(pictures.users_picture(found.users, found.spread.median)),
        "reliability": pictures.embedded(pictures.reliability_picture(found.calibration)),
        "confidence": pictures.embedded(pictures.confidence_picture(section.outcomes, shown)),
        "description": _description(found),
    }


def _description(found: Measures) -> str:
    """Say what the confusion matrix shows, for who cannot see it."""
    said = [
        f"{name}: " + ", ".join(f"{count} {answer}" for answer, count in zip(found.answers, row, strict=True) if count)
        for name, row in zip(found.classes, found.confusion, strict=True)
    ]
    return "; ".join(said)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
