"""What the gateway and a device say to each other, besides the batches.

Over the WebSocket a device sends binary frames (`har.samples.encode_batch`) or text frames (the same as JSON), or
reports of what it classified itself (`har.activity_reports`); the gateway answers each with one `Accepted` or
`Rejected` as a JSON text frame, in order. While answers wait for Kafka, it sends `Waiting` once; the next answer ends
the wait. If Kafka does not take a message in time, the gateway closes the connection with code 1013: the device
connects again and sends what was not answered. Between its frames a device may ask for the gateway's time
(`ClockQuestion`), and a phone page is told what the stream processor says of it (`ServerAnswer`).

The protocol may grow: a device ignores messages of a type that it does not know.
"""

from typing import Literal

import msgspec

from har.predictions import Prediction


class Accepted(msgspec.Struct, frozen=True, tag="accepted", tag_field="type"):
    """Kafka has the batch; the device may forget it."""

    session: str
    sequence: int


class Rejected(msgspec.Struct, frozen=True, tag="rejected", tag_field="type"):
    """The message was rejected and will be rejected again; sending it anew is of no use.

    Attributes
    ----------
    code, detail : str
        The fault's name, and what is wrong.
    session, sequence
        Of the batch, where they could be read.
    """

    code: str
    detail: str
    session: str | None = None
    sequence: int | None = None


class Waiting(msgspec.Struct, frozen=True, tag="waiting", tag_field="type"):
    """Answers have to wait: the device keeps its readings and need not do anything else.

    Attributes
    ----------
    reason : str
        ``kafka`` if Kafka has not confirmed the device's oldest batch, ``room`` if the gateway holds so many
        batches of all devices that it did not even take this one's, ``rate`` if the device sends more than it may.
    seconds : float
        How long the oldest message without an answer has been with the gateway.
    """

    reason: Literal["kafka", "room", "rate"]
    seconds: float


class Clock(msgspec.Struct, frozen=True, tag="clock", tag_field="type"):
    """The gateway's time, for a device that asked for it.

    Attributes
    ----------
    sent : int
        What the device's clock showed when it asked, µs since the epoch.
    received : int
        What the gateway's showed when the question came.
    """

    sent: int
    received: int


class ServerAnswer(msgspec.Struct, frozen=True, tag="answer", tag_field="type"):
    """What the stream processor says of a window of this device, for phone pages.

    Attributes
    ----------
    prediction : Prediction
        The newest.
    """

    prediction: Prediction


class ClockQuestion(msgspec.Struct, frozen=True, tag="clock", tag_field="type"):
    """A device asks for the gateway's time."""

    sent: int


Answer = Accepted | Rejected
GatewayMessage = Answer | Waiting | Clock | ServerAnswer


class _Tagged(msgspec.Struct):
    type: str


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[GatewayMessage] = msgspec.json.Decoder(GatewayMessage)
_question_decoder = msgspec.json.Decoder(ClockQuestion)
_tag_decoder = msgspec.json.Decoder(_Tagged)
_KNOWN_TYPES = ("accepted", "rejected", "waiting", "clock", "answer")


def encode_message(message: GatewayMessage) -> str:
    """Encode as JSON.

    Examples
    --------
    >>> encode_message(Accepted("s1", 7))
    '{"type":"accepted","session":"s1","sequence":7}'
    """
    return _encoder.encode(message).decode()


def decode_message(text: str | bytes) -> GatewayMessage | None:
    """Decode JSON; None is a message of a type that is not known here.

    Raises
    ------
    msgspec.MsgspecError
        If it is no message of a gateway.

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
    """Decode what a device asks between its batches; None if it is no question.

    Examples
    --------
    >>> decode_question('{"type":"clock","sent":1763900000000000}')
    ClockQuestion(sent=1763900000000000)
    >>> decode_question('{"schema":1}') is None
    True
    """
    try:
        return _question_decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
