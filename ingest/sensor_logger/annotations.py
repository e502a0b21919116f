"""Annotations that the wearer types into the app during a recording, converted to activities."""

from dataclasses import dataclass

from har.activity_names import ACTIVITIES, NULL_LABEL, accepted_activity, is_own_word
from har.rejections import RejectedMessage
from ingest.sensor_logger.push import TypedText

#: Texts that end an activity, besides the names of `har.activity_names.NULL_LABEL`.
_ENDS = frozenset({"stop", "end"})
#: Longest part of a text that a note quotes, characters.
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation of the wearer.

    Attributes
    ----------
    time : int
        When the annotation was made, by the phone's clock, µs since the epoch.
    activity : str or None
        The activity that begins, in canonical form; None if the text ends the previous activity or is not recognised.
    unrecognised : str or None
        The text if it is not recognised, and so has no effect; otherwise None.
    """

    time: int
    activity: str | None
    unrecognised: str | None = None

    @property
    def note(self) -> str | None:
        """A note for the wearer if the text was not recognised, or is an own word; otherwise None."""
        if self.unrecognised is not None:
            return (
                f"the annotation {self.unrecognised[:_SHOWN]!r} cannot name an activity and was ignored: "
                f"type {', '.join(ACTIVITIES)}, a word of your own (letters and digits) or stop"
            )
        if self.activity is not None and is_own_word(self.activity):
            return f"the annotation {self.activity!r} is not a known activity: it is kept as a word of your own"
        return None


def read_annotation(typed: TypedText) -> Annotation:
    """Return the annotation that a typed text stands for.

    Examples
    --------
    >>> read_annotation(TypedText(5, "Walking upstairs")).activity
    'stairsup'
    >>> read_annotation(TypedText(5, "Stop"))
    Annotation(time=5, activity=None, unrecognised=None)
    >>> read_annotation(TypedText(5, "Rope skipping")).activity
    'rope_skipping'
    >>> read_annotation(TypedText(5, "??"))
    Annotation(time=5, activity=None, unrecognised='??')
    """
    plain = typed.text.strip()
    if plain.lower() in _ENDS:
        return Annotation(typed.time, None)
    try:
        # The app adds an annotation without text if the wearer taps; it does not end an activity.
        activity = accepted_activity(plain)
    except RejectedMessage:
        return Annotation(typed.time, None, unrecognised=typed.text)
    return Annotation(typed.time, None if activity == NULL_LABEL else activity)
