"""A rejected message and the reason, as they are written to the dead-letter topic `har.topics.REJECTED`."""

from dataclasses import dataclass

#: A longer message is truncated to this; the header ``bytes`` holds its full size.
MAX_KEPT_BYTES = 131_072


@dataclass(frozen=True)
class Rejection:
    """A message that was rejected.

    Attributes
    ----------
    message : bytes
        The message as it was received.
    code : str
        The fault's stable name, see `har.samples.RejectedBatch`.
    detail : str
        A description of the fault, for people.
    rejected_by : str
        The service that rejected it: ``gateway``, ``processor`` or ``archiver``.
    device : str or None
        The device that sent it; None if unknown.
    origin : str or None
        ``topic/partition/offset`` of the message; None if it was not read from Kafka.
    """

    message: bytes
    code: str
    detail: str
    rejected_by: str
    device: str | None = None
    origin: str | None = None

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
        }
        return [(name, text.encode()) for name, text in headers.items() if text is not None]
