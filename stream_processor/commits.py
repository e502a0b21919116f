"""The offsets that a worker commits, with the topic's identity, and what is done beyond them."""

import asyncio
import logging
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.errors import OffsetMetadataTooLargeError

from stream_processor.done_ahead import NOTHING, DoneAhead

log = logging.getLogger(__name__)

_SEPARATOR = " "


class Commits:
    """Commits offsets of a consumer. Used in its thread.

    Parameters
    ----------
    consumer : AIOKafkaConsumer
        A consumer of a group.

    Attributes
    ----------
    identities : dict of str to str
        The identity of each topic when its partitions were assigned.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.identities: dict[str, str] = {}
        self._offsets: dict[TopicPartition, int] = {}
        self._done: dict[TopicPartition, DoneAhead] = {}
        self._noted: dict[TopicPartition, DoneAhead] = {}
        #: Partitions whose log has changed since they were sought: what the worker calls done may be of the old log.
        self._changed: set[TopicPartition] = set()
        self._keeps_notes = True
        #: Held while offsets are committed, and while partitions are sought: a note must not commit an offset that is
        #: older than the last one, nor one of a deleted topic with the identity of another.
        self.turn = asyncio.Lock()

    def forget(self) -> None:
        """Forget all offsets, as partitions are sought."""
        for known in (self._offsets, self._done, self._noted):
            known.clear()
        self._changed.clear()

    def begin(self, tp: TopicPartition, offset: int, done: DoneAhead) -> None:
        """Note the offset from which an assigned partition is read, and what was done beyond it.

        A commit before the worker's first note must not take back what an earlier worker noted.
        """
        self._offsets[tp] = offset
        self._done[tp] = self._noted[tp] = done

    def forget_done(self, tp: TopicPartition) -> None:
        """Forget what is done beyond the committed offset, as the log has changed; note no more until it is sought."""
        self._changed.add(tp)
        self._done.pop(tp, None)
        self._noted.pop(tp, None)

    def read(self, tp: TopicPartition, found: OffsetAndMetadata) -> tuple[bool, DoneAhead]:
        """Return whether a commit is of this topic, not of a deleted one of the same name, and what was done beyond."""
        identity, _, note = found.metadata.partition(_SEPARATOR)
        known = self.identities.get(tp.topic, "")
        return not identity or not known or identity == known, DoneAhead.decode(note)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        """Commit offsets of assigned partitions, together with the topic's identity and what is done beyond them.

        Returns
        -------
        bool
            Whether there were any.

        Raises
        ------
        aiokafka.errors.KafkaError
            If Kafka does not accept them.
        """
        async with self.turn:
            return await self._commit(offsets)

    async def note(self, done: Mapping[TopicPartition, DoneAhead], generation: int) -> None:
        """Keep what is done beyond the committed offsets with them, unless it is from another generation.

        Raises
        ------
        aiokafka.errors.KafkaError
            If Kafka does not accept it.
        """
        async with self.turn:
            if generation != self._consumer._coordinator.generation:
                return
            assigned = self._consumer.assignment() - self._changed
            self._done |= {tp: ahead for tp, ahead in done.items() if tp in assigned}
            if self._keeps_notes:
                news = {tp for tp in assigned & self._offsets.keys() if self._is_news(tp)}
                await self._commit({tp: self._offsets[tp] for tp in news})

    async def _commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        assigned = self._consumer.assignment()  # aiokafka would raise an error for others
        offsets = {tp: offset for tp, offset in offsets.items() if tp in assigned}
        if not offsets:
            return False
        done = {tp: self._done.get(tp, NOTHING) for tp in offsets} if self._keeps_notes else {}
        try:
            await self._consumer.commit(
                {tp: OffsetAndMetadata(offset, self._text(tp, offset, done.get(tp))) for tp, offset in offsets.items()}
            )
        except OffsetMetadataTooLargeError:
            if not self._keeps_notes:
                raise
            log.warning(
                "Kafka does not keep what is done beyond the committed offsets, so a restart may process more readings "
                "again; increase the broker's offset.metadata.max.bytes to 4096"
            )
            self._keeps_notes = False
            return await self._commit(offsets)
        self._offsets.update(offsets)
        self._noted.update(done)
        return True

    def _is_news(self, tp: TopicPartition) -> bool:
        done = self._done.get(tp, NOTHING)
        return done.until > self._offsets[tp] and done != self._noted.get(tp)

    def _text(self, tp: TopicPartition, offset: int, done: DoneAhead | None) -> str:
        identity = self.identities.get(tp.topic, "")
        return identity if done is None or done.until <= offset else identity + _SEPARATOR + done.encode()
