"""What the wearer typed into the app during a recording, as activities."""

from dataclasses import dataclass

from har.activity_names import ACTIVITIES, named_activity
from har.recordings import NULL_LABEL
from ingest.sensor_logger.document import TypedText

#: What ends an activity, besides what means that there is none.
_ENDS = frozenset({"stop", "end"})
#: Characters of a text that a note repeats.
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Annotation:
    """Something the wearer typed.

    Attributes
    ----------
    time : int
        When, µs since the epoch, by the phone's clock.
    activity : str or None
        The activity that begins; None if the one before ends, or if the text is not recognised.
    unrecognised : str or None
        The text, if it means nothing here: it changes nothing.
    """

    time: int
    activity: str | None
    unrecognised: str | None = None

    @property
    def note(self) -> str | None:
        """What to tell the wearer of a text that was not recognised."""
        if self.unrecognised is None:
            return None
        return (
            f"the annotation {self.unrecognised[:_SHOWN]!r} names no known activity and labels nothing: "
            f"type {', '.join(ACTIVITIES)} or stop"
        )


def read_annotation(typed: TypedText) -> Annotation:
    """Return what a typed text means.

    Examples
    --------
    >>> read_annotation(TypedText(5, "Walking upstairs")).activity
    'stairsup'
    >>> read_annotation(TypedText(5, "Stop"))
    Annotation(time=5, activity=None, unrecognised=None)
    >>> read_annotation(TypedText(5, "coffee"))
    Annotation(time=5, activity=None, unrecognised='coffee')
    """
    plain = typed.text.strip()
    if plain.lower() in _ENDS:
        return Annotation(typed.time, None)
    # An annotation without a text is a mark that the app sets at a tap; it does not say that an activity ended.
    activity = named_activity(plain) if plain else None
    if activity is None:
        return Annotation(typed.time, None, unrecognised=typed.text)
    return Annotation(typed.time, None if activity == NULL_LABEL else activity)
