"""What each service may do in Kafka: the least rights, for clusters that ask for them (ACLs).

A right to write a topic or to read it includes its description. Kafka 2.8 and newer let everyone who may write a topic
write it idempotently.
"""

from dataclasses import dataclass
from typing import Literal

from har import topics

Operation = Literal["CREATE", "DESCRIBE", "READ", "WRITE"]
Resource = Literal["GROUP", "TOPIC"]

DEFAULT_GROUP = "har-processor"


@dataclass(frozen=True)
class Right:
    """The right to an operation on a topic or a consumer group.

    Examples
    --------
    >>> print(Right("WRITE", "TOPIC", "activity.labels"))
    WRITE on topic activity.labels
    """

    operation: Operation
    resource: Resource
    name: str

    def __str__(self) -> str:
        return f"{self.operation} on {self.resource.lower()} {self.name}"


def _on(operation: Operation, *of: topics.Topic) -> tuple[Right, ...]:
    return tuple(Right(operation, "TOPIC", topic.name) for topic in of)


GATEWAY = _on("WRITE", topics.SAMPLES, topics.PREDICTIONS, topics.LABELS, topics.REJECTED)
ARCHIVER = (*_on("READ", topics.SAMPLES, topics.LABELS), *_on("WRITE", topics.REJECTED))
ARCHIVE_VERIFICATION = _on("READ", topics.SAMPLES, topics.LABELS)
STORE = (*_on("WRITE", topics.RELEASES), *_on("READ", topics.COMPARISONS, topics.LABELS))
AUDIT = _on("READ", topics.SAMPLES, topics.PREDICTIONS, topics.REJECTED)
TOPICS = (*_on("CREATE", *topics.ALL), *_on("DESCRIBE", *topics.ALL))


def of_processor(group: str = DEFAULT_GROUP, *, follows_store: bool = True) -> tuple[Right, ...]:
    """Return the rights of a processor in a consumer group."""
    return (
        # It continues sessions from their earlier predictions.
        *_on("READ", topics.SAMPLES, topics.PREDICTIONS, *([topics.RELEASES] if follows_store else [])),
        # It writes batches that it holds back to the topic they came from.
        *_on("WRITE", topics.SAMPLES, topics.PREDICTIONS, topics.COMPARISONS, topics.REJECTED),
        Right("READ", "GROUP", group),
    )


#: The rights of each part, by the command that runs it; `har archive verify` needs no more than `har archive run`.
BY_SERVICE: dict[str, tuple[Right, ...]] = {
    "gateway": GATEWAY,
    "processor": of_processor(),
    "archive": ARCHIVER,
    "store": STORE,
    "audit": AUDIT,
    "topics": TOPICS,
    "demo": (*TOPICS, *_on("READ", topics.PREDICTIONS)),
}
