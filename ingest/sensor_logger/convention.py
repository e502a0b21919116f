"""Which stream of a recording is read, in which unit it is, and whether its signs have to be turned.

In order of preference:

1. ``totalAcceleration``: with gravity, in m/s², sent by Android phones.
2. ``accelerometerUncalibrated``: with gravity; in m/s² on Android, in g on an iPhone unless the app's *Standardise
   Units & Frames* is on. It is compared with accelerometer + gravity, which are always in m/s², or else judged by its
   mean magnitude: over a second a wearer's readings average to what gravity is, or somewhat more.
3. ``accelerometer`` + ``gravity``, in m/s².

All signs on an iPhone are the opposite of Android's, unless the app standardises them. No stream's unit or presence
tells an iPhone's accelerometer + gravity from Android's: who enrols the phone has to say it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from har.samples import RejectedBatch
from ingest.devices.settings import Frame
from ingest.sensor_logger.document import Push, Sensor, Stream
from ingest.sensor_logger.pairing import partners_at, with_gravity

Unit = Literal["m/s²", "g"]

#: 1 g in m/s², as the app has it.
STANDARD_GRAVITY = 9.80665
#: Mean magnitudes of readings in g: 1 at rest, around 2 when running.
G_MEANS = (0.5, 3.0)
#: Mean magnitudes of readings in m/s².
METRE_MEANS = (5.0, 40.0)
#: Uncalibrated readings as a multiple of accelerometer + gravity: 1 in m/s², 1/9.8 in g.
METRE_RATIOS = (0.5, 2.0)
G_RATIOS = (0.05, 0.2)
#: Mean square of what is compared with, (m/s²)²: with less there is nothing to compare.
LEAST_POWER = 10.0

_NAMES: dict[Frame, str] = {"android": "Android", "ios": "iOS", "standardised": "standardised"}
_CHECK = "lay it on a table, screen up: z must come out as +9.8. If it does not, enrol the phone"


@dataclass(frozen=True, slots=True)
class SignConvention:
    """How a recording is read.

    Attributes
    ----------
    sensor : Sensor
        The stream; `Sensor.ACCELEROMETER` means that gravity is added.
    unit : {"m/s²", "g"}
        What it is in.
    is_turned : bool
        Whether all signs are turned.
    reason : str
        Why they are or are not, for the answer: ``"iOS"``, ``"Android or standardised"``, …
    caveat : str or None
        What the wearer should know or check.
    is_certain : bool
        False if the readings did not tell the unit: the next document may tell it.
    """

    sensor: Sensor
    unit: Unit
    is_turned: bool
    reason: str
    caveat: str | None = None
    is_certain: bool = True

    @property
    def factor(self) -> float:
        """What the readings are multiplied by to be in m/s² and Android's signs."""
        return (-1.0 if self.is_turned else 1.0) * (STANDARD_GRAVITY if self.unit == "g" else 1.0)

    @property
    def text(self) -> str:
        """The choice in words.

        Examples
        --------
        >>> SignConvention(Sensor.ACCELEROMETER, "m/s²", True, "iOS").text
        'accelerometer + gravity, signs turned (iOS)'
        >>> SignConvention(Sensor.UNCALIBRATED, "g", True, "iOS").text
        'accelerometerUncalibrated in g, signs turned (iOS)'
        """
        source = {
            Sensor.ACCELEROMETER: f"{Sensor.ACCELEROMETER.spelling} + {Sensor.GRAVITY.spelling}",
            Sensor.UNCALIBRATED: f"{Sensor.UNCALIBRATED.spelling} in {self.unit}",
        }.get(self.sensor, self.sensor.spelling)
        return f"{source}, signs {'turned' if self.is_turned else 'kept'} ({self.reason})"


def choose(push: Push, frame: Frame) -> SignConvention:
    """Decide how a recording is read, from one of its documents and what the enrolment said; from nothing else.

    Parameters
    ----------
    push : Push
        With at least one reading of a sensor other than gravity.

    Raises
    ------
    RejectedBatch
        With code ``gravity`` if there is only acceleration without gravity, ``unit`` if neither the readings nor the
        enrolment tell what they are in.
    """
    if Sensor.TOTAL in push.streams:
        return _total(frame)
    if Sensor.UNCALIBRATED in push.streams:
        return _uncalibrated(push, frame)
    if Sensor.GRAVITY not in push.streams:
        raise without_gravity()
    return _sum(frame)


def without_gravity() -> RejectedBatch:
    """Return the rejection of an accelerometer that comes alone."""
    return RejectedBatch(
        "gravity",
        "the app sends accelerometer, which is without gravity, and nothing to add to it: switch on Gravity beside "
        "Accelerometer in the app (on Android, Total Acceleration instead will do) and begin a new recording",
    )


def _total(frame: Frame) -> SignConvention:
    if frame == "unknown":
        return SignConvention(Sensor.TOTAL, "m/s²", False, "Android or standardised")
    if frame == "ios":
        caveat = (
            "totalAcceleration is what Android phones send, but this one is enrolled as an iPhone without Standardise "
            f"Units & Frames: {_CHECK} with --frame android"
        )
        return SignConvention(Sensor.TOTAL, "m/s²", True, _NAMES[frame], caveat)
    return SignConvention(Sensor.TOTAL, "m/s²", False, _NAMES[frame])


def _sum(frame: Frame) -> SignConvention:
    if frame == "unknown":
        caveat = (
            "accelerometer and gravity do not tell which phone they are from; it was taken for an iPhone without "
            f"Standardise Units & Frames. To check, {_CHECK} with --frame android or --frame standardised"
        )
        return SignConvention(Sensor.ACCELEROMETER, "m/s²", True, "taken for iOS", caveat)
    return SignConvention(Sensor.ACCELEROMETER, "m/s²", frame == "ios", _NAMES[frame])


def _uncalibrated(push: Push, frame: Frame) -> SignConvention:
    stream = push.streams[Sensor.UNCALIBRATED]
    ratio = _ratio_to_sum(push)
    unit = _unit_by(abs(ratio), METRE_RATIOS, G_RATIOS) if ratio is not None else None
    is_opposed = unit is not None and ratio is not None and ratio < 0
    if unit is None:
        unit = _unit_by(_mean_magnitude(stream), METRE_MEANS, G_MEANS)
    if unit is None:
        return _uncalibrated_in_doubt(stream, frame)
    caveat = _contradiction(unit, frame, is_opposed=is_opposed)
    if frame == "unknown":
        reason = "iOS" if unit == "g" else "Android or standardised"
        return SignConvention(Sensor.UNCALIBRATED, unit, unit == "g", reason, caveat)
    return SignConvention(Sensor.UNCALIBRATED, unit, frame == "ios", _NAMES[frame], caveat)


def _uncalibrated_in_doubt(stream: Stream, frame: Frame) -> SignConvention:
    if frame == "unknown":
        raise RejectedBatch(
            "unit",
            f"accelerometerUncalibrated averages {_mean_magnitude(stream):.2f}, and at rest it would be 1 in g and 9.8 "
            "in m/s²: its unit cannot be told. Switch on Accelerometer and Gravity, too, or enrol it with --frame",
        )
    unit: Unit = "g" if frame == "ios" else "m/s²"
    caveat = f"the readings of accelerometerUncalibrated do not tell their unit; taken as {unit} by the enrolment"
    return SignConvention(Sensor.UNCALIBRATED, unit, frame == "ios", _NAMES[frame], caveat, is_certain=False)


def _contradiction(unit: Unit, frame: Frame, *, is_opposed: bool) -> str | None:
    """Say what does not fit together, and what to do."""
    if frame == "ios" and unit == "m/s²":
        return (
            "accelerometerUncalibrated is in m/s², and in g on an iPhone unless Standardise Units & Frames is on: "
            f"{_CHECK} with --frame standardised"
        )
    if frame in {"android", "standardised"} and unit == "g":
        return (
            "accelerometerUncalibrated is in g, as on an iPhone without Standardise Units & Frames: "
            f"{_CHECK} with --frame ios"
        )
    if is_opposed:
        return (
            "accelerometerUncalibrated has the opposite signs of accelerometer + gravity; its own unit was gone by. "
            f"To check, {_CHECK} with --frame"
        )
    return None


def _ratio_to_sum(push: Push) -> float | None:
    """Return uncalibrated readings as a multiple of accelerometer + gravity, by least squares; None without them."""
    accelerometer, gravity = push.streams.get(Sensor.ACCELEROMETER), push.streams.get(Sensor.GRAVITY)
    if accelerometer is None or gravity is None:
        return None
    total = with_gravity(accelerometer, gravity)
    partners = partners_at(total.times, push.streams[Sensor.UNCALIBRATED])
    expected, found = total.axes[partners.are_near], partners.axes[partners.are_near]
    power = float(np.square(expected).sum())
    if power < LEAST_POWER * max(1, len(expected)):
        return None
    return float((expected * found).sum()) / power


def _mean_magnitude(stream: Stream) -> float:
    return float(np.sqrt(np.square(stream.axes).sum(axis=1)).mean())


def _unit_by(value: float, metres: tuple[float, float], gs: tuple[float, float]) -> Unit | None:
    if metres[0] <= value <= metres[1]:
        return "m/s²"
    return "g" if gs[0] <= value <= gs[1] else None
