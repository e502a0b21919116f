"""A finding about recordings: what is wrong, where, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """Severity of a finding, the worst first."""

    #: Answers would be meaningless.
    STOPS = "stops"
    #: Answers are possible, but may be bad or incomplete.
    WARNS = "look at this"
    #: Not a fault, but useful to know.
    NOTES = "good to know"


@dataclass(frozen=True)
class Finding:
    """A finding about a data set.

    Attributes
    ----------
    weight : Weight
        Its severity.
    text : str
        What is wrong, one sentence without its full stop.
    place : str
        The file, row, session or time; empty if it is about the whole data set.
    remedy : str
        What to do, without a full stop; empty if there is nothing to do.
    """

    weight: Weight
    text: str
    place: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        """Return the place, the text and the remedy.

        Examples
        --------
        >>> str(Finding(Weight.STOPS, "the readings are in g", "user anna", "state --unit g"))
        'user anna: the readings are in g. State --unit g'
        """
        remedy = f". {self.remedy[:1].upper()}{self.remedy[1:]}" if self.remedy else ""
        return f"{self.place}: {self.text}{remedy}" if self.place else f"{self.text}{remedy}"


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in order of their weight; those of the same weight keep their order."""
    return sorted(findings, key=lambda finding: list(Weight).index(finding.weight))


def stop(findings: Iterable[Finding]) -> bool:
    """Return whether one of the findings makes answers meaningless."""
    return any(finding.weight is Weight.STOPS for finding in findings)
