"""What a document of the Sensor Logger app contains, decoded: streams of readings and typed texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from har.samples import Times

Floats = NDArray[np.float64]


class Sensor(StrEnum):
    """The sensors that provide acceleration with gravity; the values are their names in lower case."""

    TOTAL = "totalacceleration"
    UNCALIBRATED = "accelerometeruncalibrated"
    ACCELEROMETER = "accelerometer"
    GRAVITY = "gravity"

    @property
    def spelling(self) -> str:
        """The name in the spelling of the app."""
        return _SPELLINGS.get(self, self.value)


_SPELLINGS = {Sensor.TOTAL: "totalAcceleration", Sensor.UNCALIBRATED: "accelerometerUncalibrated"}


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """One sensor's readings in a document, in the document's order.

    Attributes
    ----------
    times : ndarray of int64, shape (n,)
        Event times, µs since the epoch, by the phone's clock.
    axes : ndarray of float64, shape (n, 3)
        x, y, z as the app sent them, in its unit (m/s² or g) and with its signs.
    """

    times: Times
    axes: Floats

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, slots=True)
class TypedText:
    """A text that the wearer typed, and when (µs since the epoch)."""

    time: int
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Push:
    """A decoded document.

    Attributes
    ----------
    message_id : int
        The document's number in its recording, from 0.
    session_id, device_id : str
        The app's identifiers of the recording and the phone. They may be empty in a document without readings.
    streams : mapping of Sensor to Stream
        The streams of the sensors that have a reading.
    annotations : sequence of TypedText
        What the wearer typed, in the document's order.
    ignored : int
        Number of entries of other sensors.
    """

    message_id: int = 0
    session_id: str = ""
    device_id: str = ""
    streams: Mapping[Sensor, Stream] = field(default_factory=dict)
    annotations: Sequence[TypedText] = ()
    ignored: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether the document has no used readings and no annotations, as the one that the app's test button sends."""
        return not self.streams and not self.annotations
