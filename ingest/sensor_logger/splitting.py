"""Splitting of a document's readings into batches.

A document is numbered by the app (``messageId``), its batches by us. Their numbers depend on the document alone, so a
document that is sent again, also to another gateway, gives the same batches, which collapse by their numbers. Therefore
each document has the same count of numbers, and the last of its batches takes up those that are left
(`har.samples.SampleBatch.numbers`).
"""

import numpy as np

from har.assembly import GRACE_US
from har.json_samples import cautious_earlier_until
from har.rejections import RejectedMessage
from har.samples import (
    MAX_DISORDER_US,
    MAX_NUMBERS,
    MAX_READINGS,
    MAX_SEQUENCE,
    MAX_SPAN_US,
    Axes,
    SampleBatch,
    Times,
    checked_batch,
)

#: Sequence numbers of each document, and so the most batches that one can give.
NUMBERS_PER_DOCUMENT = MAX_NUMBERS
#: The largest ``messageId``, 2^47 - 1.
MAX_MESSAGE_ID = (MAX_SEQUENCE + 1) // NUMBERS_PER_DOCUMENT - 1


def batches_of(device: str, session: str, message_id: int, times: Times, axes: Axes) -> list[SampleBatch]:
    """Return the batches of a document: as few as their limits of readings and of time allow.

    The app delivers documents out of order at times, so the promises leave room for a neighbouring document whose
    readings overlap by the grace.

    Parameters
    ----------
    device, session : str
        Identifiers of the batches.
    message_id : int
        The document's number in its recording, 0 to `MAX_MESSAGE_ID`.
    times : ndarray of int64, shape (n,)
        Event times, µs since the epoch, strictly increasing. May be empty.
    axes : ndarray of float32, shape (n, 3)
        m/s², gravity included, Android's signs.

    Raises
    ------
    RejectedMessage
        With code ``span`` if the readings are spread over so long a time that they need more batches than a document
        has numbers; or as `har.samples.checked_batch`.

    Examples
    --------
    >>> times = 1_700_000_000_000_000 + np.arange(2_500) * 2_500
    >>> batches = batches_of("d", "s", 3, times, np.full((2_500, 3), 5.66, np.float32))
    >>> [(batch.sequence, batch.numbers, len(batch)) for batch in batches]
    [(192, 1, 2000), (193, 63, 500)]
    """
    pieces = _pieces(times)
    if len(pieces) > NUMBERS_PER_DOCUMENT:
        raise RejectedMessage(
            "span",
            f"the document's readings extend over {(times[-1] - times[0]) / 1e6:.0f} s with long pauses: "
            "set a shorter batch period in the app",
        )
    first_number = message_id * NUMBERS_PER_DOCUMENT
    batches = []
    for place, piece in enumerate(pieces):
        newest, newest_of_all = int(times[piece][-1]), int(times[-1])
        earlier_until = min(cautious_earlier_until(message_id, newest_of_all, GRACE_US), newest + MAX_DISORDER_US)
        if message_id == 0 and place:  # nothing precedes the first document
            earlier_until = int(times[piece.start - 1])
        batch = SampleBatch(
            device,
            session,
            first_number + place,
            times[piece],
            axes[piece],
            0,
            earlier_until,
            min(newest + 1, newest_of_all - GRACE_US),
            1 if place < len(pieces) - 1 else NUMBERS_PER_DOCUMENT - place,
        )
        batches.append(checked_batch(batch))
    return batches


def _pieces(times: Times) -> list[slice]:
    pieces, begin = [], 0
    while begin < len(times):
        in_time = int(np.searchsorted(times, times[begin] + MAX_SPAN_US, side="right"))
        end = min(begin + MAX_READINGS, in_time)
        pieces.append(slice(begin, end))
        begin = end
    return pieces
