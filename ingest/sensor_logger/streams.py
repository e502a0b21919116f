"""Conversion of a recording's documents to readings: acceleration with gravity, in m/s² and Android's signs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from har.merging import merge_readings
from har.rejections import RejectedMessage
from har.samples import MAX_ACCELERATION, Axes, Times
from ingest.devices.settings import Frame
from ingest.sensor_logger.annotations import Annotation, read_annotation
from ingest.sensor_logger.convention import SignConvention, choose, missing_gravity
from ingest.sensor_logger.pairing import with_gravity
from ingest.sensor_logger.push import Floats, Push, Sensor

#: The sign convention of a recording is final after so many consecutive readings that lead to the same one. A few
#: readings are not enough, because they may be from a stumble.
LEAST_READINGS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """The readings and annotations of a document.

    Attributes
    ----------
    times : ndarray of int64, shape (n,)
        Event times, µs since the epoch, strictly increasing.
    axes : ndarray of float32, shape (n, 3)
        m/s², gravity included, Android's signs.
    notes : list of str
        Notes for the wearer: how the document was read, and what was left out.
    unpaired : int
        Number of accelerometer readings that were left out, because no gravity reading was near.
    annotations : sequence of Annotation
        The wearer's annotations, sorted by time.
    """

    times: Times
    axes: Axes
    notes: list[str]
    unpaired: int
    annotations: Sequence[Annotation]

    def __len__(self) -> int:
        return len(self.times)


class SessionReader:
    """Reads the documents of one recording with the same sign convention.

    The first documents determine the convention. A document's readings depend on the convention and the document alone,
    so a document that is sent again gives the same readings. A new reader of similar documents chooses the same
    convention.

    Parameters
    ----------
    frame : {"android", "ios", "standardised", "unknown"}
        The sign convention given at the phone's enrolment.
    """

    def __init__(self, frame: Frame = "unknown") -> None:
        self._frame = frame
        self._choice: SignConvention | None = None
        self._agreeing = 0

    @property
    def choice(self) -> SignConvention | None:
        """The sign convention of the recording; None before its first readings."""
        return self._choice

    @property
    def caveat(self) -> str | None:
        """What the wearer should know or check about the sign convention; None if there is nothing."""
        return None if self._choice is None else self._choice.caveat

    def read(self, push: Push) -> Readings:
        """Return a document's readings.

        Raises
        ------
        RejectedMessage
            With code ``gravity`` or ``unit`` as from `ingest.sensor_logger.convention.choose`; ``gravity`` also if the
            recording needs gravity readings and the document has none; ``stream`` if the document lacks the stream that
            the recording is read from; ``magnitude`` if a reading exceeds `har.samples.MAX_ACCELERATION`.
        """
        annotations = sorted(map(read_annotation, push.annotations), key=lambda annotation: annotation.time)
        notes = [note for note in (annotation.note for annotation in annotations) if note is not None]
        if not push.streams.keys() - {Sensor.GRAVITY}:
            if push.streams or push.ignored:
                notes.append("this document has no acceleration: switch on Accelerometer and Gravity in the app")
            return Readings(np.empty(0, np.int64), np.empty((0, 3), np.float32), notes, 0, annotations)
        choice = self._decide(push)
        times, axes, unpaired = _select_stream(push, choice)
        merged = merge_readings(times, _in_android_convention(axes, choice).astype(np.float64))
        remarks = [choice.text, choice.caveat, _note_unpaired(unpaired, push), _note_conflicts(merged.conflicts)]
        return Readings(
            merged.times,
            merged.axes.astype(np.float32),
            [note for note in remarks if note is not None] + notes,
            unpaired,
            annotations,
        )

    def _decide(self, push: Push) -> SignConvention:
        if self._choice is not None and self._agreeing >= LEAST_READINGS:
            return self._choice
        choice = choose(push, self._frame)
        if choice != self._choice or not choice.is_certain:
            self._agreeing = 0
        if choice.is_certain:
            self._agreeing += len(push.streams[choice.sensor])
        self._choice = choice
        return choice


def _select_stream(push: Push, choice: SignConvention) -> tuple[Times, Floats, int]:
    """Return the times and unconverted axes of the chosen stream, and the number of readings that were left out."""
    stream = push.streams.get(choice.sensor)
    if stream is None:
        sent = ", ".join(sensor.spelling for sensor in Sensor if sensor in push.streams)
        raise RejectedMessage(
            "stream",
            f"this recording needs {choice.sensor.spelling}, but this document has only {sent}: switch it on again, or "
            "begin a new recording",
        )
    if choice.sensor is not Sensor.ACCELEROMETER:
        return stream.times, stream.axes, 0
    if Sensor.GRAVITY not in push.streams:
        raise missing_gravity()
    return with_gravity(stream, push.streams[Sensor.GRAVITY])


def _in_android_convention(axes: Floats, choice: SignConvention) -> Axes:
    android = axes * choice.factor
    if len(android):
        largest = float(np.sqrt(np.square(android).sum(axis=1).max()))
        if largest > MAX_ACCELERATION:
            raise RejectedMessage(
                "magnitude",
                f"a reading is {largest:.1f} m/s² ({choice.text}); the limit is {MAX_ACCELERATION:.0f} m/s²",
            )
    return android.astype(np.float32)


def _note_unpaired(unpaired: int, push: Push) -> str | None:
    if not unpaired:
        return None
    sent = len(push.streams[Sensor.ACCELEROMETER])
    return f"{unpaired} of {sent} accelerometer readings were left out, because they have no gravity reading near them"


def _note_conflicts(conflicts: int) -> str | None:
    if not conflicts:
        return None
    return f"readings left out because another reading has the same time but other values: {conflicts}"
