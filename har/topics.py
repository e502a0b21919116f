"""The Kafka topics: the messages they carry, their keys, and their retention."""

from dataclasses import dataclass

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Topic:
    """A Kafka topic of this system.

    Attributes
    ----------
    name : str
        The topic's name.
    carries : str
        The message type.
    key : str
        What the messages' keys are; messages with the same key stay in order.
    retention_ms : int
        How long messages are kept, ms. In a compacted topic this applies to messages that a newer one has replaced.
    compacted : bool
        Whether the newest message of each key is kept forever.
    partitions : int or None
        Number of partitions; None for the number that `har topics` is called with.
    """

    name: str
    carries: str
    key: str
    retention_ms: int
    compacted: bool = False
    partitions: int | None = None


SAMPLES = Topic("accelerometer.samples", "har.samples.SampleBatch (MessagePack)", "device", 7 * DAY_MS)
PREDICTIONS = Topic("activity.predictions", "har.predictions.Prediction (JSON)", "device", 7 * DAY_MS)
#: The dead-letter topic: rejected messages, unchanged, with the reason in their headers (`har.rejections`).
REJECTED = Topic("accelerometer.rejected", "the rejected message, unchanged", "device if known", 30 * DAY_MS)
#: Labels from wearers.
LABELS = Topic("activity.labels", "har.labels.Label (JSON)", "device", 30 * DAY_MS)
#: Predictions of a canary and of the stable release for the same window.
COMPARISONS = Topic("model.comparisons", "har.comparisons.Comparison (JSON)", "device", 7 * DAY_MS)
#: Changes of the store's channels and personal heads. Every consumer that serves a release reads the whole topic.
RELEASES = Topic(
    "model.releases",
    "har.channels.ReleaseAnnouncement or har.personal_index.PersonalAnnouncement (JSON)",
    "channel, or personal",
    DAY_MS,
    compacted=True,
    partitions=1,
)

ALL = (SAMPLES, PREDICTIONS, REJECTED, LABELS, COMPARISONS, RELEASES)
#: Names of the topics in which offsets may be missing between messages.
COMPACTED = frozenset(topic.name for topic in ALL if topic.compacted)
