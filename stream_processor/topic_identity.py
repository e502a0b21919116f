"""The identity of a topic: a topic that is deleted and created anew has the same name, but another identity.

aiokafka asks for metadata in a version that does not contain it, so this module defines a later one.
"""

import asyncio
import logging
import random
import uuid
from collections.abc import Iterable
from io import BytesIO

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, NodeNotReadyError
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

log = logging.getLogger(__name__)

#: How long a broker may take to answer, s.
ANSWER_SECONDS = 3.0
_UUID_BYTES = 16


class _Identity(AbstractType[uuid.UUID]):  # type: ignore[misc]
    @classmethod
    def encode(cls, value: uuid.UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> uuid.UUID:
        return uuid.UUID(bytes=data.read(_UUID_BYTES))

    @classmethod
    def repr(cls, value: uuid.UUID) -> str:
        return str(value)


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Identity),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("in_sync", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Identity), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("may_create", Boolean),
        ("cluster_operations", Boolean),
        ("topic_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataStruct]) -> _MetadataStruct:
        no_identity, no_tags = uuid.UUID(int=0), dict[int, bytes]()
        topics = [(no_identity, topic, no_tags) for topic in self._topics]
        return request_struct_class(topics, False, False, False, no_tags)


async def topic_identities(client: AIOKafkaClient, topics: Iterable[str]) -> dict[str, str]:
    """Return the identity of each topic that exists; none of a Kafka before 2.8.

    Parameters
    ----------
    client : AIOKafkaClient
        A connected client.
    topics : iterable of str
        Names of topics.

    Raises
    ------
    aiokafka.errors.KafkaError
        If no broker answers.
    """
    try:
        response = await _ask_any(client, _MetadataRequest(sorted(topics)))
    except (IncompatibleBrokerVersion, NotImplementedError):
        return {}
    found = ((topic[1], topic[2]) for topic in response.topics if topic[0] == 0)
    return {name: str(identity) for name, identity in found if identity.int}


async def _ask_any(client: AIOKafkaClient, request: _MetadataRequest) -> _MetadataResponse:
    """Return the answer of the first broker that gives one; some may be down or frozen."""
    nodes = [broker.nodeId for broker in client.cluster.brokers()]
    random.shuffle(nodes)
    for node in nodes:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                response: _MetadataResponse = await client.send(node, request)
                return response
        except IncompatibleBrokerVersion:
            raise
        except (KafkaError, TimeoutError) as error:
            log.debug("the broker %s did not report its topics: %r", node, error)
    raise NodeNotReadyError(f"none of the brokers {nodes} reported its topics")
