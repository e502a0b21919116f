"""From the documents of a recording to readings: acceleration with gravity, in m/s² and Android's signs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from har.samples import MAX_ACCELERATION, Axes, RejectedBatch, Times
from har.windows import merge_readings
from ingest.devices.settings import Frame
from ingest.sensor_logger.annotations import Annotation, read_annotation
from ingest.sensor_logger.convention import SignConvention, choose, without_gravity
from ingest.sensor_logger.document import Floats, Push, Sensor
from ingest.sensor_logger.pairing import with_gravity

#: A recording's choice stands once so many readings in a row have led to the same: a first tenth of a second may be a
#: stumble.
LEAST_READINGS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What a document holds.

    Attributes
    ----------
    times : ndarray of int64, shape (n,)
        Event times, µs since the epoch, strictly increasing.
    axes : ndarray of float32, shape (n, 3)
        m/s², gravity included, Android's signs.
    notes : list of str
        What the wearer should know: how the document was read, and what was left out.
    unpaired : int
        Readings of the accelerometer that were left out, because no gravity was near.
    annotations : sequence of Annotation
        What the wearer typed, by time.
    """

    times: Times
    axes: Axes
    notes: list[str]
    unpaired: int
    annotations: Sequence[Annotation]

    def __len__(self) -> int:
        return len(self.times)


class SessionReader:
    """Reads the documents of one recording, all in the same way.

    How is decided by the first documents, and then kept. A document's readings depend on that and on the document
    alone: sent again it gives the same, and a new reader that sees documents of the same kind decides the same.

    Parameters
    ----------
    frame : {"android", "ios", "standardised", "unknown"}
        What the enrolment said of the phone.
    """

    def __init__(self, frame: Frame = "unknown") -> None:
        self._frame = frame
        self._choice: SignConvention | None = None
        self._agreeing = 0

    @property
    def choice(self) -> SignConvention | None:
        """How the recording is read, None before its first readings."""
        return self._choice

    def read(self, push: Push) -> Readings:
        """Return a document's readings.

        Raises
        ------
        RejectedBatch
            With code ``gravity`` or ``unit`` as `ingest.sensor_logger.convention.choose`, ``gravity`` also if gravity
            is missing in a document of a recording that is read with it, ``stream`` if the stream is missing that the
            recording is read from, ``magnitude`` if a reading is more than any accelerometer gives.
        """
        annotations = sorted(map(read_annotation, push.annotations), key=lambda annotation: annotation.time)
        notes = [note for note in (annotation.note for annotation in annotations) if note is not None]
        if not push.streams.keys() - {Sensor.GRAVITY}:
            if push.streams or push.ignored:
                notes.append("no acceleration in this document: switch on Accelerometer and Gravity in the app")
            return Readings(np.empty(0, np.int64), np.empty((0, 3), np.float32), notes, 0, annotations)
        choice = self._decide(push)
        times, axes, unpaired = _chosen(push, choice)
        merged = merge_readings(times, _in_android_convention(axes, choice).astype(np.float64))
        told = [choice.text, choice.caveat, _note_unpaired(unpaired, push), _note_conflicts(merged.conflicts)]
        return Readings(
            merged.times,
            merged.axes.astype(np.float32),
            [note for note in told if note is not None] + notes,
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


def _chosen(push: Push, choice: SignConvention) -> tuple[Times, Floats, int]:
    """Return times, readings as they were sent, and how many were left out."""
    stream = push.streams.get(choice.sensor)
    if stream is None:
        sent = ", ".join(sensor.spelling for sensor in Sensor if sensor in push.streams)
        raise RejectedBatch(
            "stream",
            f"this recording is read from {choice.sensor.spelling}, which is not in this document ({sent} is): switch "
            "it on again, or begin a new recording",
        )
    if choice.sensor is not Sensor.ACCELEROMETER:
        return stream.times, stream.axes, 0
    if Sensor.GRAVITY not in push.streams:
        raise without_gravity()
    return with_gravity(stream, push.streams[Sensor.GRAVITY])


def _in_android_convention(axes: Floats, choice: SignConvention) -> Axes:
    android = axes * choice.factor
    if len(android):
        largest = float(np.sqrt(np.square(android).sum(axis=1).max()))
        if largest > MAX_ACCELERATION:
            raise RejectedBatch(
                "magnitude",
                f"a reading is {largest:.1f} m/s² ({choice.text}); the limit is {MAX_ACCELERATION:.0f} m/s²",
            )
    return android.astype(np.float32)


def _note_unpaired(unpaired: int, push: Push) -> str | None:
    if not unpaired:
        return None
    sent = len(push.streams[Sensor.ACCELEROMETER])
    return f"{unpaired} of {sent} accelerometer readings have no reading of gravity near them and were left out"


def _note_conflicts(conflicts: int) -> str | None:
    return f"readings left out that have the time of another and other values: {conflicts}" if conflicts else None
