"""Let a consumer of aiokafka read on where a broker cannot read its own file."""

from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecordBatch

from har import topics
from har.process.damaged_files import NOT_ANSWERED, Answer, Silence, is_suspicious, read_on


def read_damaged_files(consumer: AIOKafkaConsumer) -> None:
    """Let a consumer read on after a batch whose length is damaged; call it before the consumer starts.

    aiokafka has no setting for this: the consumer's requests go through here.
    """
    reader = _Reader(consumer._client.send)
    consumer._client.send = reader.send


class _Reader:
    """Sends a consumer's requests, and replaces what a broker answers where it cannot read its file."""

    def __init__(self, send: Any) -> None:  # noqa: ANN401  (aiokafka's types)
        self._send = send
        self._silence = Silence()

    async def send(self, node: int, request: Any, **settings: Any) -> Any:  # noqa: ANN401  (aiokafka's types)
        response = await self._send(node, request, **settings)
        if isinstance(request, FetchRequest):
            asked = {(topic, each[0]): each[1] for topic, parts in request.topics for each in parts}
            response.topics = [
                (topic, [await self._readable(node, topic, each, asked[topic, each[0]]) for each in partitions])
                for topic, partitions in response.topics
            ]
        return response

    async def _readable(self, node: int, topic: str, answered: tuple[Any, ...], position: int) -> tuple[Any, ...]:
        """Return a partition's part of an answer, with other batches if its file is damaged."""
        if not is_suspicious(_answer(answered), position):
            return answered

        end = answered[2]

        async def fetch(offset: int, most: int) -> Answer:
            request = FetchRequest(0, 0, most, 0, [(topic, [(answered[0], offset, most)])])
            nonlocal end
            response = await self._send(node, request)
            answer = next((_answer(each) for _, found in response.topics for each in found), NOT_ANSWERED)
            end = max(end, answer.end)
            return answer

        content = await read_on(
            fetch,
            position,
            DefaultRecordBatch,
            is_compacted=topic in topics.COMPACTED,
            is_silent=lambda: self._silence.has_lasted((topic, answered[0]), position),
        )
        if content is None:
            return answered
        return answered[0], 0, end, end, *answered[4:-1], content


def _answer(answered: tuple[Any, ...]) -> Answer:
    _, error, end, *_, content = answered
    return Answer(error, end, content or b"")
