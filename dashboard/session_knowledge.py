"""What is known of the wearer of a session: what it learned about upright, and whether a personal head is used."""

from dashboard.upright_progress import UprightProgress, upright_progress
from har.predictions import Prediction


class SessionKnowledge:
    """Follows one session; its windows may arrive in any order.

    Attributes
    ----------
    upright : UprightProgress or None
        What it knows about upright after the newest window that was classified.
    is_personal : bool
        Whether a personal head corrected the answer for that window.
    """

    def __init__(self) -> None:
        self.upright: UprightProgress | None = None
        self.is_personal = False
        self._newest = 0

    def follow(self, prediction: Prediction) -> None:
        """Use a prediction of the session. Windows with a `reason` leave everything as it is."""
        if prediction.reason is None and prediction.start >= self._newest:
            self._newest = prediction.start
            self.upright = upright_progress(prediction)
            self.is_personal = prediction.personal is not None
