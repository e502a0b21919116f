"""Why a message is rejected, and how it is kept on the dead-letter topic `har.topics.REJECTED`.

A check raises `RejectedMessage` with a code and a detail. The code is one of `RejectionCode`, and metrics count by it.
The detail is the text that the sender gets; it stands where the check is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

#: What is wrong with a message. `docs/messages.md` explains each code to the authors of senders.
RejectionCode = Literal[
    "activity",
    "conflict",
    "count",
    "device",
    "empty",
    "future",
    "gravity",
    "internal",
    "key",
    "late",
    "magnitude",
    "malformed",
    "missing_axis",
    "not_finite",
    "not_yours",
    "oversized",
    "past",
    "prediction",
    "promise",
    "release",
    "schema",
    "sequence",
    "session",
    "span",
    "stream",
    "time",
    "too_dense",
    "too_slow",
    "unit",
    "units",
    "unreadable",
]

_CODES: dict[str, RejectionCode] = {code: code for code in get_args(RejectionCode)}

#: A longer message is truncated to this; the header ``bytes`` holds its full size.
MAX_KEPT_BYTES = 131_072


class RejectedMessage(ValueError):  # noqa: N818  (a rejection is not an error of the program)
    """A message that is rejected.

    Attributes
    ----------
    code : RejectionCode
        What is wrong.
    detail : str
        What is wrong and what was expected, for the sender to read.
    """

    def __init__(self, code: RejectionCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code: RejectionCode = code
        self.detail = detail


@dataclass(frozen=True)
class Rejection:
    """A message that was rejected.

    Attributes
    ----------
    message : bytes
        The message as it was received.
    code : RejectionCode
        What is wrong.
    detail : str
        A description of the fault, for people.
    rejected_by : str
        The service that rejected it: ``gateway``, ``processor`` or ``archiver``.
    device : str or None
        The device that sent it; None if unknown.
    origin : str or None
        ``topic/partition/offset`` of the message, or of the first of several; None if it was not read from Kafka.
    offsets : int
        Number of offsets from there that are rejected: more than 1 only for a batch of Kafka that cannot be read.
    """

    message: bytes
    code: RejectionCode
    detail: str
    rejected_by: str
    device: str | None = None
    origin: str | None = None
    offsets: int = 1

    @property
    def key(self) -> bytes | None:
        """The Kafka key: the device's name, or None."""
        return self.device.encode() if self.device else None

    @property
    def value(self) -> bytes:
        """The Kafka value: the message, truncated to `MAX_KEPT_BYTES`."""
        return self.message[:MAX_KEPT_BYTES]

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """The Kafka headers.

        Examples
        --------
        >>> Rejection(b"", "empty", "the message is empty", "gateway").headers[:2]
        [('code', b'empty'), ('detail', b'the message is empty')]
        """
        headers = {
            "code": self.code,
            "detail": self.detail,
            "rejected_by": self.rejected_by,
            "bytes": str(len(self.message)),
            "origin": self.origin,
            "offsets": str(self.offsets) if self.offsets > 1 else None,
        }
        return [(name, text.encode()) for name, text in headers.items() if text is not None]

    @classmethod
    def of_record(
        cls, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]
    ) -> "Rejection":
        """Decode a record of the dead-letter topic. A message that was truncated stays so.

        Parameters
        ----------
        key, value : bytes or None
            The Kafka key and value.
        headers : iterable of (str, bytes or None)
            The Kafka headers.

        Raises
        ------
        ValueError
            If a header is missing, or the code is none of `RejectionCode`.
        """
        texts = {name: (content or b"").decode(errors="replace") for name, content in headers}
        missing = [name for name in ("code", "detail", "rejected_by") if name not in texts]
        if missing:
            raise ValueError(f"not a rejection: no header {', '.join(missing)}")
        code = _CODES.get(texts["code"])
        if code is None:
            raise ValueError(f"not a rejection: the code {texts['code']!r} is unknown")
        device = key.decode(errors="replace") if key else None
        offsets = texts.get("offsets", "1")
        return cls(
            value or b"",
            code,
            texts["detail"],
            texts["rejected_by"],
            device,
            texts.get("origin"),
            int(offsets) if offsets.isdecimal() else 1,
        )
