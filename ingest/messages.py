"""What the gateway and a device say to each other, besides the batches.

Over the WebSocket a device sends binary frames (`har.samples.encode_batch`) or text frames (the same as
JSON); the gateway answers each with one `Accepted` or `Refused` as a JSON text frame, in order. If Kafka
does not take a batch in time, the gateway closes the connection with code 1013: the device connects again
and sends what was not answered.
"""

import msgspec


class Accepted(msgspec.Struct, frozen=True, tag="accepted", tag_field="type"):
    """Kafka has the batch; the device may forget it."""

    session: str
    sequence: int


class Refused(msgspec.Struct, frozen=True, tag="refused", tag_field="type"):
    """The message was refused and will be refused again; sending it anew is of no use.

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


Answer = Accepted | Refused

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def encode_answer(answer: Answer) -> str:
    """Encode as JSON.

    Examples
    --------
    >>> encode_answer(Accepted("s1", 7))
    '{"type":"accepted","session":"s1","sequence":7}'
    """
    return _encoder.encode(answer).decode()


def decode_answer(message: str | bytes) -> Answer:
    """Decode JSON.

    Raises
    ------
    msgspec.MsgspecError
        If it is not an answer of the gateway.
    """
    return _decoder.decode(message)
