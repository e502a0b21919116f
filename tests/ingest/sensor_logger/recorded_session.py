"""Sessions as the Sensor Logger app would push them, generated from real or synthetic recordings."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording

Variant = Literal["android", "ios", "ios-uncalibrated"]

STANDARD_GRAVITY = 9.80665
SECOND_NS = 1_000_000_000
#: Length of the moving average that estimates gravity, s.
GRAVITY_SECONDS = 2.0
#: On Android, the mean delay of gravity after the accelerometer, and its largest random deviation, ns.
GRAVITY_DELAY_NS = 7_300_000
GRAVITY_JITTER_NS = 2_000_000

Entry = dict[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RecordedSession:
    """A session as the app pushes it, and the expected readings.

    Attributes
    ----------
    documents : list of bytes
        JSON documents, in the order of `messageId`.
    times : ndarray of int64, shape (n,)
        µs since the epoch.
    axes : ndarray of float32, shape (n, 3)
        m/s², gravity included, Android's signs; bit for bit equal to the recording.
    """

    documents: list[bytes]
    times: NDArray[np.int64]
    axes: NDArray[np.float32]


def recorded_session(
    recording: Recording,
    variant: Variant,
    start_ns: int,
    *,
    session_id: str = "5b1c7d0e-recorded",
    device_id: str = "7f0a-phone",
    annotations: Sequence[tuple[float, str]] = (),
    period_seconds: float = 1,
) -> RecordedSession:
    """Generate the documents of a session that begins at `start_ns`, ns since the epoch.

    Parameters
    ----------
    recording : Recording
        A recording with strictly increasing times, µs from any origin.
    variant : {"android", "ios", "ios-uncalibrated"}
        ``android``: total acceleration, linear acceleration, and gravity at other times, all with Android's signs;
        also location and battery; the case of names varies. ``ios``: linear acceleration and gravity at equal times, in
        m/s², with an iPhone's signs. ``ios-uncalibrated``: in g, with an iPhone's signs.
    annotations : sequence of (float, str)
        Seconds from the start and text of each annotation.
    period_seconds : float
        Batch period of the app: how long a document is, s.
    """
    times_ns = start_ns + (recording.times - recording.times[0]) * 1_000
    axes = recording.axes.astype(np.float64)
    typed = [
        (start_ns + round(seconds * SECOND_NS), _entry("annotation", {"text": text, "millisecond_press_duration": 81}))
        for seconds, text in annotations
    ]
    entries = [*_ENTRIES[variant](times_ns, axes), *typed]
    by_period: dict[int, list[Entry]] = defaultdict(list)
    for time, entry in sorted(entries, key=lambda timed: timed[0]):
        by_period[(time - start_ns) // round(period_seconds * SECOND_NS)].append({"time": time, **entry})
    documents = [
        json.dumps(
            {"messageId": number, "sessionId": session_id, "deviceId": device_id, "payload": by_period[period]}
        ).encode()
        for number, period in enumerate(sorted(by_period))
    ]
    return RecordedSession(documents, times_ns // 1_000, recording.axes)


def split_gravity(axes: Floats, rate_hz: float) -> tuple[Floats, Floats]:
    """Split acceleration into linear acceleration and gravity, a moving average with Hann weights, rounded to float32.

    The difference of two float32 values is exact in float64 if they differ by less than a factor of 2^29, and then the
    sum of the two parts is exact, too.
    """
    width = max(3, round(GRAVITY_SECONDS * rate_hz)) | 1
    weights = np.hanning(width + 2)[1:-1]
    weights /= weights.sum()
    padded = np.pad(axes, ((width // 2, width // 2), (0, 0)), mode="edge")
    averages = [np.convolve(padded[:, axis], weights, mode="valid") for axis in range(3)]
    gravity = np.stack(averages, axis=1).astype(np.float32).astype(np.float64)
    return axes - gravity, gravity


def _android(times: NDArray[np.int64], axes: Floats) -> Iterator[tuple[int, Entry]]:
    linear, gravity = split_gravity(axes, _rate_hz(times))
    delays = GRAVITY_DELAY_NS + np.random.default_rng(7).integers(-GRAVITY_JITTER_NS, GRAVITY_JITTER_NS, len(times))
    later = times + delays
    moved = np.stack([np.interp(later, times, gravity[:, axis]) for axis in range(3)], axis=1)
    yield from _axes_entries(("totalAcceleration", "TotalAcceleration", "totalacceleration"), times, axes)
    yield from _axes_entries(("accelerometer", "Accelerometer"), times, linear)
    yield from _axes_entries(("gravity", "Gravity"), later, moved)
    for time in range(int(times[0]), int(times[-1]), SECOND_NS):
        yield time, _entry("location", {"latitude": 47.4, "longitude": 8.5, "speed": -1, "bearing": None})
        yield time, _entry("battery", {"batteryLevel": 0.5, "batteryState": "unplugged", "lowPowerMode": False})


def _ios(times: NDArray[np.int64], axes: Floats) -> Iterator[tuple[int, Entry]]:
    linear, gravity = split_gravity(axes, _rate_hz(times))
    yield from _axes_entries(("accelerometer",), times, -linear)
    yield from _axes_entries(("gravity",), times, -gravity)


def _ios_uncalibrated(times: NDArray[np.int64], axes: Floats) -> Iterator[tuple[int, Entry]]:
    yield from _axes_entries(("accelerometerUncalibrated",), times, -axes / STANDARD_GRAVITY)


_ENTRIES = {"android": _android, "ios": _ios, "ios-uncalibrated": _ios_uncalibrated}


def _axes_entries(names: Sequence[str], times: NDArray[np.int64], axes: Floats) -> Iterator[tuple[int, Entry]]:
    for number, (time, (x, y, z)) in enumerate(zip(times.tolist(), axes.tolist(), strict=True)):
        yield time, {"accuracy": 3, **_entry(names[number % len(names)], {"x": x, "y": y, "z": z})}


def _entry(name: str, values: Mapping[str, Any]) -> Entry:
    return {"name": name, "values": dict(values)}


def _rate_hz(times: NDArray[np.int64]) -> float:
    return SECOND_NS / float(np.median(np.diff(times)))
