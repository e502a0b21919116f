"""Plots of answers: the readings, the activities and the confidence, as a page or a picture."""

from collections.abc import Sequence
from pathlib import Path

from classify.plots.collecting import DrawnSessions
from classify.plots.page import write_page
from classify.summary import SessionAnswers, Summary
from har.process.whole_files import naming

#: The suffix of a picture.
PICTURE = ".png"


def write_plot(path: Path, drawn: DrawnSessions, answered: Sequence[SessionAnswers], summary: Summary) -> None:
    """Write a plot, as a page or a picture as its suffix says; it appears complete or not at all.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with naming(path):
        if path.suffix.lower() == PICTURE:
            from classify.plots.picture import write_picture  # noqa: PLC0415 - only a picture needs matplotlib

            write_picture(path, drawn, answered, summary)
        else:
            write_page(path, drawn, answered, summary)
