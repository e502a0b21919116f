"""What a consumer group's offsets mean after the log has changed: a topic created anew, a log cut short or deleted.

A topic that is deleted and created anew has the same name, and its offsets begin again. Kafka then deletes the group's
offsets, but a worker that does not know yet may commit an old one. Each commit therefore carries the topic's identity,
and an offset of another identity is not used.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError, for_code
from aiokafka.protocol.fetch import FetchRequest

from har.process.back_off import BackOff
from har.process.kafka_clients import Partition
from stream_processor.commits import Commits
from stream_processor.done_ahead import NOTHING
from stream_processor.reading_start import Start
from stream_processor.topic_identity import topic_identities

log = logging.getLogger(__name__)

#: How long Kafka may take to answer, s. aiokafka waits much longer for a topic that was deleted.
ANSWER_SECONDS = 10.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0

#: Called with a number of messages.
OnLost = Callable[[int], None]


class FetchingEndedError(RuntimeError):
    """aiokafka fetches no more, although the consumer was not stopped."""


class LogWatch:
    """Seeks, commits and joins anew for a consumer, so that no change of a log is missed. Used in its thread.

    Parameters
    ----------
    consumer : AIOKafkaConsumer
        A consumer of a group.
    on_lost : callable
        Called with the number of messages that Kafka deleted before they were read.
    """

    def __init__(self, consumer: AIOKafkaConsumer, on_lost: OnLost) -> None:
        self._consumer = consumer
        self._on_lost = on_lost
        self.commits = Commits(consumer)
        #: Where reading each partition began, since it was last sought.
        self.starts: dict[TopicPartition, Start] = {}
        #: Positions that Kafka did not have, of assigned partitions.
        self._out_of_range: dict[TopicPartition, int] = {}
        self._send = consumer._client.send
        consumer._client.send = self._send_and_note

    async def seek_to_committed(self) -> dict[TopicPartition, int | None]:
        """Seek every assigned partition to its committed offset, or to its beginning; return the offset that counts.

        It tries again while Kafka does not answer, as aiokafka does; `stream_processor.health` ends a worker that
        cannot join in time. A topic that is deleted meanwhile is left out: another assignment follows.

        Raises
        ------
        aiokafka.errors.KafkaError
            If Kafka answers with an error that will not pass.
        """
        back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        while True:
            try:
                async with asyncio.timeout(ANSWER_SECONDS), self.commits.turn:
                    return await self._seek_assigned()
            except (KafkaError, TimeoutError) as error:
                if isinstance(error, KafkaError) and not error.retriable:
                    raise
                log.warning("cannot find out where to read on, trying again: %r", error)
                await asyncio.sleep(back_off.next_pause())

    async def _seek_assigned(self) -> dict[TopicPartition, int | None]:
        self.commits.forget()
        self.starts.clear()
        cluster = self._consumer._client.cluster
        assigned = {tp for tp in self._consumer.assignment() if cluster.partitions_for_topic(tp.topic)}
        if not assigned:
            return {}
        self.commits.identities = await topic_identities(self._consumer._client, {tp.topic for tp in assigned})
        committed = await self._consumer._coordinator.fetch_committed_offsets(list(assigned))
        begins = await self._consumer.beginning_offsets(assigned)
        ends = await self._consumer.end_offsets(assigned)
        return {tp: self._seek(tp, committed.get(tp), begins[tp], ends[tp]) for tp in assigned}

    async def look(self) -> None:
        """Join the group anew if an assigned topic was created anew, or a log ends before the position in it.

        Raises
        ------
        aiokafka.errors.KafkaError, TimeoutError
            If Kafka does not answer.
        FetchingEndedError
            If the consumer fetches no more.
        """
        self._require_fetching()
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._look()

    async def log_offsets(self) -> dict[TopicPartition, tuple[int, int]]:
        """Request the first offset of each assigned partition, and the one after its last.

        Raises
        ------
        aiokafka.errors.KafkaError, TimeoutError
            If Kafka does not answer.
        """
        assigned = self._consumer.assignment()
        if not assigned:
            return {}
        async with asyncio.timeout(ANSWER_SECONDS):
            begins = await self._consumer.beginning_offsets(assigned)
            ends = await self._consumer.end_offsets(assigned)
        return {tp: (begins[tp], ends[tp]) for tp in assigned}

    def _require_fetching(self) -> None:
        # An error in the task that fetches ends it, and no other call of the consumer fails then.
        fetching = self._consumer._fetcher.error_future
        if fetching.done() and not self._consumer._closed:
            raise FetchingEndedError("the task that fetches from Kafka has ended") from _error_of(fetching)

    async def _look(self) -> None:
        assigned = self._consumer.assignment()
        if not assigned:
            return
        is_changed = await self._is_replaced({tp.topic for tp in assigned})
        noted = {tp: position for tp, position in self._out_of_range.items() if tp in assigned}
        self._out_of_range.clear()
        begins = await self._consumer.beginning_offsets(noted) if noted else {}
        for tp, position in noted.items():
            if position < begins[tp]:
                self._lose(tp, position, begins[tp])
                continue
            log.error("%s ends before offset %d, which was reached: the log was cut; reading it from its beginning",
                      Partition(*tp), position)  # fmt: skip
            self.commits.forget_done(tp)
            await self.commits.commit({tp: begins[tp]})
            is_changed = True
        if is_changed:
            self.read_anew()

    async def _is_replaced(self, topics: set[str]) -> bool:
        found = await topic_identities(self._consumer._client, topics)
        known = self.commits.identities
        replaced = [topic for topic in found if known.get(topic, found[topic]) != found[topic]]
        for topic in replaced:
            log.error("%s was deleted and created anew: reading it from its beginning", topic)
        return bool(replaced)

    def read_anew(self) -> None:
        """Join the group anew, and so read every partition again from its committed offset."""
        self._consumer._coordinator.request_rejoin()

    def _seek(self, tp: TopicPartition, committed: OffsetAndMetadata | None, begin: int, end: int) -> int | None:
        self._out_of_range.pop(tp, None)
        if committed is None or committed.offset < 0:
            self._seek_to(tp, Start(begin, is_committed=False))
            return None
        is_this_topic, done = self.commits.read(tp, committed)
        if not is_this_topic:
            log.error("the offset committed for %s is of a deleted topic of this name: reading it from its beginning",
                      Partition(*tp))  # fmt: skip
            self._seek_to(tp, Start(begin, is_committed=False))
            return None
        if done.until > end:  # the log was cut, so other messages may have the offsets of those that were done
            done = NOTHING
        if committed.offset < begin:
            self._lose(tp, committed.offset, begin)
        self._seek_to(tp, Start(max(committed.offset, begin), done))
        offset: int = committed.offset
        return offset

    def _seek_to(self, tp: TopicPartition, start: Start) -> None:
        self._consumer.seek(tp, start.offset)
        self.starts[tp] = start
        self.commits.begin(tp, start.offset, start.done_before)

    def _lose(self, tp: TopicPartition, position: int, begin: int) -> None:
        log.error(
            "LOST: Kafka has deleted %d messages of %s before they were read (offsets %d to %d). Run enough workers, "
            "or increase Kafka's retention (retention.ms); continuing from offset %d",
            begin - position, Partition(*tp), position, begin - 1, begin,
        )  # fmt: skip
        self._on_lost(begin - position)

    async def _send_and_note(self, node: int, request: Any, **settings: Any) -> Any:  # noqa: ANN401  (aiokafka's types)
        """Send a request; note the positions that Kafka does not have, which aiokafka resets without a trace."""
        response = await self._send(node, request, **settings)
        if isinstance(request, FetchRequest):
            for topic, partitions in response.topics:
                for number, code, *_ in partitions:
                    if code and for_code(code) is OffsetOutOfRangeError:
                        self._note(TopicPartition(topic, number), request)
        return response

    def _note(self, tp: TopicPartition, request: FetchRequest) -> None:
        subscription = self._consumer._subscription.subscription
        if subscription is None or not self._consumer._subscription.is_assigned(tp):
            return
        state = subscription.assignment.state_value(tp)
        if state.has_valid_position and state.position == _asked(request)[tp]:
            self._out_of_range[tp] = state.position


def _error_of(task: "asyncio.Task[Any]") -> BaseException | None:
    return None if task.cancelled() else task.exception()


def _asked(request: FetchRequest) -> dict[TopicPartition, int]:
    """Return the offset that a fetch asks for, by partition."""
    return {TopicPartition(topic, each[0]): each[1] for topic, parts in request.topics for each in parts}
