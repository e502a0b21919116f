"""How far a session is with its upright reference (`har.upright`), for people."""

from typing import Literal

import msgspec

from har.predictions import Prediction

State = Literal["learning", "doubted", "known"]


class UprightProgress(msgspec.Struct, frozen=True):
    """What a session knows about upright.

    Attributes
    ----------
    state : {'learning', 'doubted', 'known'}
        Whether the session has no reference, has one that is not used because the phone seems to have been moved, or
        has one.
    windows : int
        Number of walking windows that the reference, or the next one, was learned from. 0 for a device that
        classifies its own readings: its reference stays there.
    """

    state: State
    windows: int


def upright_progress(prediction: Prediction) -> UprightProgress | None:
    """Return what a session knows about upright after a window that was classified.

    `ingest/phone_page/classification/upright-progress.js` says the same of predictions with a reference.

    Parameters
    ----------
    prediction : Prediction
        The session's newest one without a `reason`.

    Returns
    -------
    UprightProgress or None
        None if that is not known: the release has no rule, the window was not later than one that was judged before,
        or a device that keeps its reference to itself has none yet.
    """
    reference = prediction.reference
    if reference is None:
        return None if prediction.lean is None else UprightProgress("known", 0)
    if reference.latest_us != prediction.start:
        return None
    if reference.windows == 0:
        return UprightProgress("learning", reference.others)
    if prediction.lean is None and reference.others > 0:
        return UprightProgress("doubted", reference.others)
    return UprightProgress("known", reference.windows)
