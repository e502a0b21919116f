"""The recordings of a schedule, and how much of them is labelled with a class that is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.data_report.survey import survey_source
from trainer.preparation.class_choice import asks_for
from trainer.runs.preparation import find_sources


@dataclass(frozen=True)
class WatchedRecordings:
    """The recordings that rounds train on.

    Attributes
    ----------
    data : sequence of str or Path
        Paths or names of the data sets.
    classes : sequence of str
        The classes to train. Labels that are none of them are no reason for a round.
    """

    data: Sequence[str | Path]
    classes: Sequence[str]

    def labelled_minutes(self) -> float:
        """Return how many minutes of the recordings are labelled with one of the classes.

        Raises
        ------
        RecordingError
            If a data set cannot be read.
        """
        seconds = 0.0
        for source in find_sources(self.data):
            by_label = survey_source(source).label_seconds()
            asked = asks_for(self.classes, by_label)
            seconds += sum(found for label, found in by_label.items() if label in asked)
        return seconds / 60
