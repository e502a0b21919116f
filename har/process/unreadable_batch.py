"""A batch of Kafka that no client can read, and what is reported of it."""

from typing import Self

from har.rejections import Rejection


class UnreadableBatch(bytes):
    """The bytes of a batch that cannot be read, in place of a record's value.

    Attributes
    ----------
    first, last : int
        The offsets of its first and last record, as far as its header can be trusted.
    reason : str
        Why it cannot be read.
    """

    first: int
    last: int
    reason: str

    def __new__(cls, content: memoryview, first: int, last: int, reason: str) -> Self:
        """Return the bytes with their place."""
        batch = super().__new__(cls, content)
        batch.first, batch.last, batch.reason = first, last, reason
        return batch

    @property
    def messages(self) -> int:
        """The number of messages, as far as known."""
        return self.last - self.first + 1

    @property
    def detail(self) -> str:
        """What is wrong, for people."""
        return f"Kafka's batch of {self.offsets} cannot be read: {self.reason}"

    @property
    def offsets(self) -> str:
        """The offsets, for people."""
        return f"offset {self.first}" if self.messages == 1 else f"offsets {self.first} to {self.last}"

    def rejection(self, topic: str, partition: int, rejected_by: str) -> Rejection:
        """Return what goes to the dead-letter topic: the place, and as many of the batch's bytes as are kept."""
        origin = f"{topic}/{partition}/{self.first}"
        return Rejection(bytes(self), "unreadable", self.detail, rejected_by, None, origin, self.messages)
