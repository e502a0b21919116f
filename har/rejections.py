"""What is said of a rejected message, as headers of its copy on the dead-letter topic `har.topics.REJECTED`."""

from dataclasses import dataclass

#: More of an oversized message than this is not kept; the header ``bytes`` says its full size.
MAX_KEPT_BYTES = 131_072


@dataclass(frozen=True)
class Rejection:
    """A message that was rejected.

    Attributes
    ----------
    message : bytes
        The message as it came.
    code : str
        The fault's stable name, see `har.samples.RejectedBatch`.
    detail : str
        What is wrong, for a person.
    rejected_by : str
        ``gateway`` or ``processor``.
    device : str or None
        Who sent it, where that is known.
    origin : str or None
        ``topic/partition/offset`` of the message, where it has been in Kafka.
    """

    message: bytes
    code: str
    detail: str
    rejected_by: str
    device: str | None = None
    origin: str | None = None

    @property
    def key(self) -> bytes | None:
        """The Kafka key."""
        return self.device.encode() if self.device else None

    @property
    def value(self) -> bytes:
        """The Kafka value: the message, cut if it is enormous."""
        return self.message[:MAX_KEPT_BYTES]

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """The Kafka headers.

        Examples
        --------
        >>> Rejection(b"", "empty", "the message is empty", "gateway").headers[:2]
        [('code', b'empty'), ('detail', b'the message is empty')]
        """
        said = {
            "code": self.code,
            "detail": self.detail,
            "rejected_by": self.rejected_by,
            "bytes": str(len(self.message)),
            "origin": self.origin,
        }
        return [(name, text.encode()) for name, text in said.items() if text is not None]
