"""The documents that the Sensor Logger app pushes: JSON, a list of readings of all sensors that are switched on.

An entry's fields besides its name are at first only skipped over; those of the sensors that matter are then decoded
together, all of a sensor at once. The other sensors' may have any shape.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.samples import (
    MAX_ACCELERATION,
    MAX_SEQUENCE,
    MAX_TIME_US,
    MIN_TIME_US,
    UNDECODABLE,
    RejectedBatch,
    Times,
    check_identifier,
)

#: Entries of all sensors in one document: a minute of eight sensors at 100 Hz.
MAX_ENTRIES = 50_000
MAX_ANNOTATIONS = 100
#: Characters of an annotation.
MAX_TEXT = 500

_ANNOTATION = "annotation"
#: What a time may have been meant in, and how many µs that is.
_OTHER_UNITS = {"seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1}

Floats = NDArray[np.float64]


class Sensor(StrEnum):
    """The streams that acceleration with gravity is made of, by their names in lower case."""

    TOTAL = "totalacceleration"
    UNCALIBRATED = "accelerometeruncalibrated"
    ACCELEROMETER = "accelerometer"
    GRAVITY = "gravity"

    @property
    def spelling(self) -> str:
        """The name as the app writes it."""
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
        x, y, z as the app sent them: in its unit and with its signs.
    """

    times: Times
    axes: Floats

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, slots=True)
class TypedText:
    """What the wearer typed, and when (µs since the epoch)."""

    time: int
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Push:
    """One document.

    Attributes
    ----------
    message_id : int
        The document's number in its recording, from 0.
    session_id, device_id : str
        The recording and the phone, as the app names them. A document without readings may leave them empty.
    streams : mapping of Sensor to Stream
        The sensors of which there is a reading.
    annotations : sequence of TypedText
        What the wearer typed, in the document's order.
    ignored : int
        How many entries are of other sensors.
    """

    message_id: int = 0
    session_id: str = ""
    device_id: str = ""
    streams: Mapping[Sensor, Stream] = field(default_factory=dict)
    annotations: Sequence[TypedText] = ()
    ignored: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether it holds nothing that is used here, as what the app's test button posts."""
        return not self.streams and not self.annotations


_NULL = msgspec.Raw(b"null")


class _Entry(msgspec.Struct, gc=False):
    name: str
    time: msgspec.Raw = _NULL
    values: msgspec.Raw = _NULL


class _Document(msgspec.Struct, rename="camel"):
    message_id: int | None = None
    session_id: str | None = None
    device_id: str | None = None
    payload: list[_Entry] | None = None


class _Axes(msgspec.Struct, gc=False):
    x: float | None = None
    y: float | None = None
    z: float | None = None


class _Text(msgspec.Struct, gc=False):
    text: str | None = None


_document_decoder = msgspec.json.Decoder(_Document)
_times_decoder = msgspec.json.Decoder(list[int])
_axes_decoder = msgspec.json.Decoder(list[_Axes | None])
_texts_decoder = msgspec.json.Decoder(list[_Text | None])


@dataclass(slots=True)
class _Gathered:
    """The undecoded fields of one sensor's entries."""

    times: list[msgspec.Raw] = field(default_factory=list)
    values: list[msgspec.Raw] = field(default_factory=list)


def decode_push(body: bytes) -> Push:
    """Decode a document. How long it may be is the caller's business.

    Parameters
    ----------
    body : bytes
        JSON: ``messageId``, ``sessionId``, ``deviceId`` and ``payload``, entries of ``name``, ``time`` (ns since the
        epoch) and ``values``. Fields that are not known here are ignored.

    Returns
    -------
    Push
        Its sensors by name, compared without case.

    Raises
    ------
    RejectedBatch
        With code ``empty``, ``malformed``, ``oversized``, ``sequence``, ``session``, ``device``, ``time``,
        ``missing_axis`` or ``magnitude``.

    Examples
    --------
    >>> push = decode_push(
    ...     b'{"messageId": 3, "sessionId": "s1", "deviceId": "d1", "payload": [{"name": "TotalAcceleration", '
    ...     b'"time": 1698501144401773000, "values": {"x": 0.1, "y": -0.2, "z": 9.7}}]}'
    ... )
    >>> push.message_id, push.streams[Sensor.TOTAL].times.tolist(), push.streams[Sensor.TOTAL].axes.tolist()
    (3, [1698501144401773], [[0.1, -0.2, 9.7]])
    """
    if not body:
        raise RejectedBatch("empty", "the request has no body")
    try:
        document = _document_decoder.decode(body)
    except UNDECODABLE as error:
        raise RejectedBatch("malformed", f"not a document of Sensor Logger: {error}") from error
    entries = document.payload or []
    if len(entries) > MAX_ENTRIES:
        raise RejectedBatch(
            "oversized",
            f"{len(entries)} entries in one document; the limit is {MAX_ENTRIES}: shorten the batch period in the app, "
            "or switch off sensors that are not needed",
        )
    gathered, ignored = _gathered(entries)
    annotations = gathered.pop(_ANNOTATION, None)
    push = Push(
        message_id=document.message_id or 0,
        session_id=document.session_id or "",
        device_id=document.device_id or "",
        streams={Sensor(name): _stream(Sensor(name), fields) for name, fields in gathered.items()},
        annotations=[] if annotations is None else _typed_texts(annotations),
        ignored=ignored,
    )
    if not push.is_empty:
        _check_origin(push, is_numbered=document.message_id is not None)
    return push


def _gathered(entries: list[_Entry]) -> tuple[dict[str, _Gathered], int]:
    """Return the fields of the sensors that matter, by lower-case name, and how many other entries there are."""
    by_name: dict[str, _Gathered] = {name: _Gathered() for name in (*Sensor, _ANNOTATION)}
    ignored = 0
    for entry in entries:
        gathered = by_name.get(entry.name.lower())
        if gathered is None:
            ignored += 1
        else:
            gathered.times.append(entry.time)
            gathered.values.append(entry.values)
    return {name: gathered for name, gathered in by_name.items() if gathered.times}, ignored


def _stream(sensor: Sensor, gathered: _Gathered) -> Stream:
    times = _event_times(sensor.spelling, gathered.times)
    try:
        rows = _axes_decoder.decode(_joined(gathered.values))
    except UNDECODABLE as error:
        raise RejectedBatch("malformed", f"values of {sensor.spelling} are not x, y and z: {error}") from error
    nothing = _Axes()
    # JSON knows no NaN: where one comes out, there was no number.
    axes = np.array([(row.x, row.y, row.z) for row in (row or nothing for row in rows)], np.float64)
    if np.isnan(axes).any():
        row, axis = np.argwhere(np.isnan(axes))[0].tolist()
        raise RejectedBatch(
            "missing_axis",
            f"entry {row} of {sensor.spelling} has no {'xyz'[axis]}: if it stays so, switch the sensor off and on "
            "in the app",
        )
    largest = float(np.abs(axes).max())
    if largest > MAX_ACCELERATION:
        raise RejectedBatch(
            "magnitude",
            f"{sensor.spelling} holds {largest:.6g}, which no phone measures; the limit is {MAX_ACCELERATION:.0f} m/s²",
        )
    return Stream(times, axes)


def _typed_texts(gathered: _Gathered) -> list[TypedText]:
    if len(gathered.times) > MAX_ANNOTATIONS:
        raise RejectedBatch("oversized", f"{len(gathered.times)} annotations; the limit is {MAX_ANNOTATIONS}")
    times = _event_times(_ANNOTATION, gathered.times)
    try:
        rows = _texts_decoder.decode(_joined(gathered.values))
    except UNDECODABLE as error:
        raise RejectedBatch("malformed", f"values of an annotation hold no text: {error}") from error
    texts = [(row.text or "") if row is not None else "" for row in rows]
    if max(map(len, texts)) > MAX_TEXT:
        raise RejectedBatch("oversized", f"an annotation of over {MAX_TEXT} characters")
    return [TypedText(time, text) for time, text in zip(times.tolist(), texts, strict=True)]


def _joined(values: list[msgspec.Raw]) -> bytes:
    return b"[" + b",".join(values) + b"]"


def _event_times(name: str, raw: list[msgspec.Raw]) -> Times:
    """Decode times, ns, to µs."""
    try:
        nanoseconds = np.array(_times_decoder.decode(_joined(raw)), np.int64)
    except (*UNDECODABLE, OverflowError) as error:
        raise RejectedBatch(
            "time", f"a time of {name} is not a whole number of nanoseconds since the epoch: {error}"
        ) from error
    times = nanoseconds // 1_000
    implausible = (times < MIN_TIME_US) | (times > MAX_TIME_US)
    if implausible.any():
        raise RejectedBatch("time", _implausible_time(name, int(nanoseconds[implausible.argmax()])))
    return times


def _implausible_time(name: str, time: int) -> str:
    text = f"time {time} of {name} is not nanoseconds since the epoch (2001 to 2100)"
    for unit, microseconds in _OTHER_UNITS.items():
        if MIN_TIME_US <= time * microseconds <= MAX_TIME_US:
            return f"{text}: it seems to be in {unit}"
    return f"{text}: set the phone's clock"


def _check_origin(push: Push, *, is_numbered: bool) -> None:
    check_identifier("session", push.session_id)
    check_identifier("device", push.device_id)
    if not is_numbered or not 0 <= push.message_id <= MAX_SEQUENCE:
        raise RejectedBatch("sequence", "messageId is missing, or not between 0 and 2^53 - 1")
