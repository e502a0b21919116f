"""Decoding of the documents that the Sensor Logger app pushes: JSON with the readings of all active sensors.

At first, only the name of each entry is decoded. Then the fields of the used sensors are decoded, all entries of a
sensor at once. The entries of other sensors may have any shape.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np

from har.rejections import RejectedMessage
from har.samples import MAX_ACCELERATION, MAX_TIME_US, MIN_TIME_US, UNDECODABLE, Times, check_identifier
from ingest.sensor_logger.push import Push, Sensor, Stream, TypedText
from ingest.sensor_logger.splitting import MAX_MESSAGE_ID

#: Largest number of entries in one document; a minute of eight sensors at 100 Hz is 48,000.
MAX_ENTRIES = 50_000
MAX_ANNOTATIONS = 100
#: Longest annotation, characters.
MAX_TEXT = 500

_ANNOTATION = "annotation"
#: The entry that the app's test button sends.
_TEST = "test"
#: Length of other units that a time may be in, µs.
_OTHER_UNITS = {"seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1}

_NULL = msgspec.Raw(b"null")


class _Entry(msgspec.Struct, gc=False):
    name: str
    time: msgspec.Raw = _NULL
    values: msgspec.Raw = _NULL


class _Document(msgspec.Struct, rename="camel"):
    message_id: Any = None  # a test of the app may send any number and names
    session_id: Any = None
    device_id: Any = None
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
class _RawEntries:
    """The undecoded fields of one sensor's entries."""

    times: list[msgspec.Raw] = field(default_factory=list)
    values: list[msgspec.Raw] = field(default_factory=list)


def decode_push(body: bytes) -> Push:
    """Decode a document. The caller limits its size.

    Parameters
    ----------
    body : bytes
        JSON with ``messageId``, ``sessionId``, ``deviceId`` and ``payload``, a list of entries with ``name``, ``time``
        (ns since the epoch) and ``values``. Unknown fields are ignored.

    Returns
    -------
    Push
        The document; names of sensors are compared without case.

    Raises
    ------
    RejectedMessage
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
    document = _decode_document(body)
    payload = document.payload or []
    if any(entry.name.lower() == _TEST for entry in payload):
        return Push(ignored=len(payload))
    groups, ignored = _group_by_sensor(payload)
    if not groups:
        return Push(ignored=ignored)
    annotations = groups.pop(_ANNOTATION, None)
    return Push(
        message_id=_checked_number(document.message_id),
        session_id=_checked_name("session", document.session_id),
        device_id=_checked_name("device", document.device_id),
        streams={Sensor(name): _decode_stream(Sensor(name), fields) for name, fields in groups.items()},
        annotations=[] if annotations is None else _decode_annotations(annotations),
        ignored=ignored,
    )


def _decode_document(body: bytes) -> _Document:
    """Decode the document with the fields of its entries left undecoded; check the number of entries."""
    if not body:
        raise RejectedMessage("empty", "the request has no body")
    try:
        document = _document_decoder.decode(body)
    except UNDECODABLE as error:
        raise RejectedMessage("malformed", f"this is not a document of Sensor Logger: {error}") from error
    count = len(document.payload or [])
    if count > MAX_ENTRIES:
        raise RejectedMessage(
            "oversized",
            f"{count} entries in one document; the limit is {MAX_ENTRIES}: shorten the batch period in the app, "
            "or switch off unused sensors",
        )
    return document


def _group_by_sensor(entries: list[_Entry]) -> tuple[dict[str, _RawEntries], int]:
    """Return the fields of used sensors by lower-case name, and the number of other entries."""
    by_name: dict[str, _RawEntries] = {name: _RawEntries() for name in (*Sensor, _ANNOTATION)}
    ignored = 0
    for entry in entries:
        group = by_name.get(entry.name.lower())
        if group is None:
            ignored += 1
        else:
            group.times.append(entry.time)
            group.values.append(entry.values)
    return {name: group for name, group in by_name.items() if group.times}, ignored


def _decode_stream(sensor: Sensor, raw: _RawEntries) -> Stream:
    times = _decode_times(sensor.spelling, raw.times)
    try:
        rows = _axes_decoder.decode(_json_array(raw.values))
    except UNDECODABLE as error:
        raise RejectedMessage("malformed", f"the values of {sensor.spelling} are not x, y and z: {error}") from error
    missing = _Axes()
    # JSON has no NaN, so a NaN stands for a missing number.
    axes = np.array([(row.x, row.y, row.z) for row in (row or missing for row in rows)], np.float64)
    if np.isnan(axes).any():
        row, axis = np.argwhere(np.isnan(axes))[0].tolist()
        raise RejectedMessage(
            "missing_axis",
            f"entry {row} of {sensor.spelling} has no {'xyz'[axis]}: if this happens again, switch the sensor off "
            "and on in the app",
        )
    largest = float(np.abs(axes).max())
    if largest > MAX_ACCELERATION:
        raise RejectedMessage(
            "magnitude",
            f"a value of {sensor.spelling} is {largest:.6g}; the limit is {MAX_ACCELERATION:.0f} m/s²",
        )
    return Stream(times, axes)


def _decode_annotations(raw: _RawEntries) -> list[TypedText]:
    if len(raw.times) > MAX_ANNOTATIONS:
        raise RejectedMessage("oversized", f"{len(raw.times)} annotations; the limit is {MAX_ANNOTATIONS}")
    times = _decode_times(_ANNOTATION, raw.times)
    try:
        rows = _texts_decoder.decode(_json_array(raw.values))
    except UNDECODABLE as error:
        raise RejectedMessage("malformed", f"the values of an annotation contain no text: {error}") from error
    texts = [(row.text or "") if row is not None else "" for row in rows]
    if max(map(len, texts)) > MAX_TEXT:
        raise RejectedMessage("oversized", f"an annotation is longer than {MAX_TEXT} characters")
    return [TypedText(time, text) for time, text in zip(times.tolist(), texts, strict=True)]


def _json_array(values: list[msgspec.Raw]) -> bytes:
    return b"[" + b",".join(values) + b"]"


def _decode_times(name: str, raw: list[msgspec.Raw]) -> Times:
    """Decode times in ns; return them in µs."""
    try:
        nanoseconds = np.array(_times_decoder.decode(_json_array(raw)), np.int64)
    except (*UNDECODABLE, OverflowError) as error:
        raise RejectedMessage(
            "time", f"a time of {name} is not a whole number of nanoseconds since the epoch: {error}"
        ) from error
    times = nanoseconds // 1_000
    implausible = (times < MIN_TIME_US) | (times > MAX_TIME_US)
    if implausible.any():
        raise RejectedMessage("time", _implausible_time(name, int(nanoseconds[implausible.argmax()])))
    return times


def _implausible_time(name: str, time: int) -> str:
    text = f"time {time} of {name} is not in nanoseconds since the epoch (2001 to 2100)"
    for unit, microseconds in _OTHER_UNITS.items():
        if MIN_TIME_US <= time * microseconds <= MAX_TIME_US:
            return f"{text}: it seems to be in {unit}"
    return f"{text}: set the phone's clock"


def _checked_name(kind: Literal["device", "session"], name: object) -> str:
    text = name if isinstance(name, str) else ""
    check_identifier(kind, text)
    return text


def _checked_number(message_id: object) -> int:
    if type(message_id) is not int or not 0 <= message_id <= MAX_MESSAGE_ID:  # a bool is an int, too
        raise RejectedMessage("sequence", "messageId is missing or not between 0 and 2^47 - 1")
    return message_id
