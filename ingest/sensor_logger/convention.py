"""The choice of the stream to read from a recording, of its unit and of its signs.

In order of preference:

1. ``totalAcceleration``: with gravity, in m/s², sent by Android phones.
2. ``accelerometerUncalibrated``: with gravity; in m/s² on Android, in g on an iPhone unless the app's *Standardise
   Units & Frames* is on. The unit is determined by comparison with accelerometer + gravity, which are always in m/s².
   Without these, the mean magnitude determines it, which over a second is that of gravity or somewhat more.
3. ``accelerometer`` + ``gravity``, in m/s².

An iPhone's signs are the opposite of Android's, unless the app standardises them. Accelerometer + gravity look the same
on both systems, so the sign convention must be given at the phone's enrolment.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from har.rejections import RejectedMessage
from ingest.devices.settings import Frame
from ingest.sensor_logger.pairing import partners_at, with_gravity
from ingest.sensor_logger.push import Push, Sensor, Stream

Unit = Literal["m/s²", "g"]

#: 1 g in m/s², as the app defines it.
STANDARD_GRAVITY = 9.80665
#: Mean magnitudes of readings in g: 1 at rest, around 2 when running.
G_MEANS = (0.5, 3.0)
#: Mean magnitudes of readings in m/s².
METRE_MEANS = (5.0, 40.0)
#: Uncalibrated readings as a multiple of accelerometer + gravity: 1 in m/s², 1/9.8 in g.
METRE_RATIOS = (0.5, 2.0)
G_RATIOS = (0.05, 0.2)
#: Least mean square of accelerometer + gravity for a comparison, (m/s²)².
LEAST_POWER = 10.0

_NAMES: dict[Frame, str] = {"android": "Android", "ios": "iOS", "standardised": "standardised"}
_CHECK = "lay the phone on a table, screen up: z must be +9.8. If it is not, enrol the phone"


@dataclass(frozen=True, slots=True)
class SignConvention:
    """How a recording is read.

    Attributes
    ----------
    sensor : Sensor
        The stream to read; to `Sensor.ACCELEROMETER`, gravity is added.
    unit : {"m/s²", "g"}
        The unit of the stream.
    is_inverted : bool
        Whether the signs of all axes are inverted.
    reason : str
        The sign convention of the stream, for the answer: ``"iOS"``, ``"Android or standardised"``, …
    caveat : str or None
        What the wearer should know or check; None if there is nothing.
    is_certain : bool
        False if the unit could not be determined from the readings. The next document may determine it.
    """

    sensor: Sensor
    unit: Unit
    is_inverted: bool
    reason: str
    caveat: str | None = None
    is_certain: bool = True

    @property
    def factor(self) -> float:
        """The factor that converts readings to m/s² and Android's signs."""
        return (-1.0 if self.is_inverted else 1.0) * (STANDARD_GRAVITY if self.unit == "g" else 1.0)

    @property
    def text(self) -> str:
        """A description of the convention.

        Examples
        --------
        >>> SignConvention(Sensor.ACCELEROMETER, "m/s²", True, "iOS").text
        'accelerometer + gravity, signs inverted (iOS)'
        >>> SignConvention(Sensor.UNCALIBRATED, "g", True, "iOS").text
        'accelerometerUncalibrated in g, signs inverted (iOS)'
        """
        source = {
            Sensor.ACCELEROMETER: f"{Sensor.ACCELEROMETER.spelling} + {Sensor.GRAVITY.spelling}",
            Sensor.UNCALIBRATED: f"{Sensor.UNCALIBRATED.spelling} in {self.unit}",
        }.get(self.sensor, self.sensor.spelling)
        return f"{source}, signs {'inverted' if self.is_inverted else 'kept'} ({self.reason})"


def choose(push: Push, frame: Frame) -> SignConvention:
    """Choose the stream, unit and signs of a recording from one of its documents and the enrolled sign convention.

    Parameters
    ----------
    push : Push
        A document with at least one reading of a sensor other than gravity.
    frame : {"android", "ios", "standardised", "unknown"}
        The sign convention given at the enrolment.

    Raises
    ------
    RejectedMessage
        With code ``gravity`` if there is only acceleration without gravity, ``unit`` if the unit follows neither from
        the readings nor from the enrolment.
    """
    if Sensor.TOTAL in push.streams:
        return _total(frame)
    if Sensor.UNCALIBRATED in push.streams:
        return _uncalibrated(push, frame)
    if Sensor.GRAVITY not in push.streams:
        raise missing_gravity()
    return _sum(frame)


def missing_gravity() -> RejectedMessage:
    """Return the rejection of accelerometer readings without gravity readings."""
    return RejectedMessage(
        "gravity",
        "the app sends accelerometer readings, which lack gravity, but no gravity readings: switch on Gravity and "
        "Accelerometer in the app (on Android, Total Acceleration is enough) and begin a new recording",
    )


def _total(frame: Frame) -> SignConvention:
    if frame == "unknown":
        return SignConvention(Sensor.TOTAL, "m/s²", False, "Android or standardised")
    if frame == "ios":
        caveat = (
            "Android phones send totalAcceleration, but this phone is enrolled as an iPhone without Standardise Units "
            f"& Frames: {_CHECK} with --frame android"
        )
        return SignConvention(Sensor.TOTAL, "m/s²", True, _NAMES[frame], caveat)
    return SignConvention(Sensor.TOTAL, "m/s²", False, _NAMES[frame])


def _sum(frame: Frame) -> SignConvention:
    if frame == "unknown":
        caveat = (
            "accelerometer and gravity look the same on all phones; an iPhone without Standardise Units & Frames was "
            f"assumed. To check, {_CHECK} with --frame android or --frame standardised"
        )
        return SignConvention(Sensor.ACCELEROMETER, "m/s²", True, "assumed iOS", caveat)
    return SignConvention(Sensor.ACCELEROMETER, "m/s²", frame == "ios", _NAMES[frame])


def _uncalibrated(push: Push, frame: Frame) -> SignConvention:
    stream = push.streams[Sensor.UNCALIBRATED]
    ratio = _ratio_to_sum(push)
    unit = _unit_by(abs(ratio), METRE_RATIOS, G_RATIOS) if ratio is not None else None
    is_opposed = unit is not None and ratio is not None and ratio < 0
    if unit is None:
        unit = _unit_by(_mean_magnitude(stream), METRE_MEANS, G_MEANS)
    if unit is None:
        return _uncalibrated_of_unknown_unit(stream, frame)
    caveat = _contradiction(unit, frame, is_opposed=is_opposed)
    if frame == "unknown":
        reason = "iOS" if unit == "g" else "Android or standardised"
        return SignConvention(Sensor.UNCALIBRATED, unit, unit == "g", reason, caveat)
    return SignConvention(Sensor.UNCALIBRATED, unit, frame == "ios", _NAMES[frame], caveat)


def _uncalibrated_of_unknown_unit(stream: Stream, frame: Frame) -> SignConvention:
    if frame == "unknown":
        raise RejectedMessage(
            "unit",
            "cannot determine the unit of accelerometerUncalibrated: its mean magnitude is "
            f"{_mean_magnitude(stream):.2f}, and at rest it would be 1 in g and 9.8 in m/s². Switch on Accelerometer "
            "and Gravity, too, or enrol the phone with --frame",
        )
    unit: Unit = "g" if frame == "ios" else "m/s²"
    caveat = f"cannot determine the unit of accelerometerUncalibrated; {unit} was assumed from the enrolment"
    return SignConvention(Sensor.UNCALIBRATED, unit, frame == "ios", _NAMES[frame], caveat, is_certain=False)


def _contradiction(unit: Unit, frame: Frame, *, is_opposed: bool) -> str | None:
    """Return what contradicts the enrolment or the other streams, and what to do; None if nothing does."""
    if frame == "ios" and unit == "m/s²":
        return (
            "accelerometerUncalibrated is in m/s², but on an iPhone it is in g unless Standardise Units & Frames is "
            f"on: {_CHECK} with --frame standardised"
        )
    if frame in {"android", "standardised"} and unit == "g":
        return (
            "accelerometerUncalibrated is in g, as on an iPhone without Standardise Units & Frames: "
            f"{_CHECK} with --frame ios"
        )
    if is_opposed:
        return (
            "accelerometerUncalibrated has the opposite signs of accelerometer + gravity, whose signs were ignored. "
            f"To check, {_CHECK} with --frame"
        )
    return None


def _ratio_to_sum(push: Push) -> float | None:
    """Return the least-squares ratio of uncalibrated readings to accelerometer + gravity; None without a comparison."""
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
