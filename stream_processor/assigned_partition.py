"""The state of a partition while a worker has it."""

from dataclasses import dataclass

from har.process.kafka_clients import Partition
from stream_processor.done_ahead import NOTHING, DoneAhead, Received
from stream_processor.kafka_messages import KafkaEvent, LogMessage
from stream_processor.ledger import PartitionLedger
from stream_processor.progress import PartitionProgress
from stream_processor.reference_book import ReferenceBook
from stream_processor.sessions import SessionBook


@dataclass
class AssignedPartition:
    """The state of one assigned partition.

    Attributes
    ----------
    name : Partition
        Its topic and number.
    generation : int
        The generation of the consumer group in which it is read.
    ledger : PartitionLedger
        Its messages that are not done.
    sessions : SessionBook
        Its sessions.
    references : ReferenceBook
        Their upright references.
    done : DoneAhead
        What is known to be done beyond the committed offset: at first, what an earlier worker noted.
    assigned : bool
        False once it was revoked.
    unconfirmed, confirmed : int
        Number of pieces of work that are not confirmed yet, and that Kafka has confirmed.
    latest : int
        The arrival of its newest message, µs since the epoch.
    """

    name: Partition
    generation: int
    ledger: PartitionLedger[Received]
    sessions: SessionBook
    references: ReferenceBook
    done: DoneAhead = NOTHING
    assigned: bool = True
    unconfirmed: int = 0
    confirmed: int = 0
    latest: int = 0

    def receive(self, message: LogMessage, event: KafkaEvent) -> bool:
        """Record a message; return whether it is to be processed, because an earlier worker has not done it."""
        self.latest = max(self.latest, message.arrived)
        self.ledger.receive(message.offset, Received.of(message, event))
        if self.done.covers(message):
            self.finish([message.offset])
            return False
        return True

    def finish(self, offsets: list[int]) -> None:
        """Mark messages as done, and acknowledge those before which everything is done."""
        for offset in offsets:
            for received in self.ledger.finish(offset):
                received.event.ack()

    def done_ahead(self) -> DoneAhead:
        """Return what is done beyond the first message that is not; what was done once stays done."""
        end = 0 if self.ledger.highest is None else self.ledger.highest + 1
        self.done = max(self.done, DoneAhead.of(self.ledger.unfinished, end, self.latest), key=lambda each: each.until)
        return self.done

    def progress(self) -> PartitionProgress:
        """Return its progress, without what only Kafka knows."""
        return PartitionProgress(
            str(self.name),
            taken_until=None if self.ledger.highest is None else self.ledger.highest + 1,
            acknowledged_until=self.ledger.acknowledged_until,
            held=len(self.ledger),
            unconfirmed=self.unconfirmed,
            confirmed=self.confirmed,
        )
