"""Sequence numbers of a session's batches: a number that goes back needs a new session."""

from har.rejections import RejectedMessage
from har.samples import SampleBatch


def check_sequence(batch: SampleBatch, *, last: int, newest: int) -> None:
    """Reject a batch whose number goes back although its readings are new: its sender began again at the same session.

    A number that goes back with readings of that time is a repeat, or a batch that was delayed.

    Parameters
    ----------
    batch : SampleBatch
        A batch whose number has not arrived before, as far as that is known.
    last : int
        The highest number of the session so far.
    newest : int
        The newest event time of the session so far, µs.

    Raises
    ------
    RejectedMessage
        With code ``sequence``.
    """
    if batch.sequence <= last and int(batch.times.min()) > newest:
        raise RejectedMessage(
            "sequence",
            f"sequence {batch.sequence} goes back (the last was {last}) although its readings are new; "
            "begin a new session",
        )
