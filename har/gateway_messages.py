"""The messages between the gateway and a device, other than batches.

Over the WebSocket a device sends binary frames (`har.binary_samples`), text frames (the same as JSON), or reports of
its own predictions (`har.activity_reports`). The gateway answers each frame with one `Accepted` or `Rejected`, as a
JSON text frame, in order. While answers wait for Kafka, it sends `Waiting` once; the next answer ends the wait.

If Kafka does not confirm a message in time, the gateway closes the connection with code 1013. The device then
reconnects and sends again what was not answered. Between its frames a device may ask for the gateway's time
(`ClockQuestion`). A phone page also receives the stream processor's predictions for its device (`ServerPrediction`).

The protocol may grow: a device ignores messages of an unknown type.
"""

from typing import Literal

import msgspec

from har.predictions import Prediction
from har.samples import UNDECODABLE


class Accepted(msgspec.Struct, frozen=True, tag="accepted", tag_field="type"):
    """Kafka has confirmed the batch; the device may delete it."""

    session: str
    sequence: int


class Rejected(msgspec.Struct, frozen=True, tag="rejected", tag_field="type"):
    """The message was rejected and would be rejected again; do not send it again.

    Attributes
    ----------
    code, detail : str
        The fault's stable name, and a description for people.
    session, sequence
        Those of the batch; None if they could not be read.
    """

    code: str
    detail: str
    session: str | None = None
    sequence: int | None = None


class Waiting(msgspec.Struct, frozen=True, tag="waiting", tag_field="type"):
    """Answers are delayed: the device keeps its readings and does nothing else.

    Attributes
    ----------
    reason : str
        ``kafka`` if Kafka has not confirmed the device's oldest batch, ``room`` if the gateway already holds its
        limit of unconfirmed batches of all devices, ``rate`` if the device sends more than it may.
    seconds : float
        How long the oldest message without an answer has been at the gateway, s.
    """

    reason: Literal["kafka", "room", "rate"]
    seconds: float


class Clock(msgspec.Struct, frozen=True, tag="clock", tag_field="type"):
    """The gateway's time, for a device that asked for it.

    Attributes
    ----------
    sent : int
        When the device asked, by the device's clock, µs since the epoch.
    received : int
        When the question arrived, by the gateway's clock, µs since the epoch.
    """

    sent: int
    received: int


class ServerPrediction(msgspec.Struct, frozen=True, tag="prediction", tag_field="type"):
    """The stream processor's prediction for a window of this device, for phone pages.

    Attributes
    ----------
    prediction : Prediction
        The newest prediction.
    kind_title : str or None
        What the prediction's `kind` is, for people; see `har.predictions.LiveUpdate`.
    """

    prediction: Prediction
    kind_title: str | None = None


class ClockQuestion(msgspec.Struct, frozen=True, tag="clock", tag_field="type"):
    """A device asks for the gateway's time; `sent` is its own clock, µs since the epoch."""

    sent: int


Answer = Accepted | Rejected
GatewayMessage = Answer | Waiting | Clock | ServerPrediction


class _Tagged(msgspec.Struct):
    type: str


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[GatewayMessage] = msgspec.json.Decoder(GatewayMessage)
_question_decoder = msgspec.json.Decoder(ClockQuestion)
_tag_decoder = msgspec.json.Decoder(_Tagged)
_KNOWN_TYPES = ("accepted", "rejected", "waiting", "clock", "prediction")


def encode_message(message: GatewayMessage) -> str:
    """Encode as JSON.

    Examples
    --------
    >>> encode_message(Accepted("s1", 7))
    '{"type":"accepted","session":"s1","sequence":7}'
    """
    return _encoder.encode(message).decode()


def decode_message(text: str | bytes) -> GatewayMessage | None:
    """Decode JSON; return None for a message of an unknown type.

    Raises
    ------
    msgspec.MsgspecError
        If it is not a gateway's message.

    Examples
    --------
    >>> decode_message('{"type":"accepted","session":"s1","sequence":7}')
    Accepted(session='s1', sequence=7)
    >>> decode_message('{"type":"of the future"}') is None
    True
    """
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError:
        if _tag_decoder.decode(text).type in _KNOWN_TYPES:
            raise
        return None


def decode_question(text: str | bytes) -> ClockQuestion | None:
    """Decode a device's question between its batches; return None if the text is not one.

    Examples
    --------
    >>> decode_question('{"type":"clock","sent":1763900000000000}')
    ClockQuestion(sent=1763900000000000)
    >>> decode_question('{"schema":1}') is None
    True
    """
    try:
        return _question_decoder.decode(text)
    except UNDECODABLE:
        return None
