"""The Kafka topics: what they carry, their key, and how they are kept."""

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
        What a message's key is; messages with the same key stay in order.
    retention_ms : int
        How long messages are kept, ms; of a compacted topic, how long one is kept that a newer one has replaced.
    compacted : bool
        Whether the newest message of each key is kept for ever.
    partitions : int or None
        How many there are; as many as Kafka is asked for with the others, if None.
    """

    name: str
    carries: str
    key: str
    retention_ms: int
    compacted: bool = False
    partitions: int | None = None


SAMPLES = Topic("accelerometer.samples", "har.samples.SampleBatch (MessagePack)", "device", 7 * DAY_MS)
PREDICTIONS = Topic("activity.predictions", "har.predictions.Prediction (JSON)", "device", 7 * DAY_MS)
#: Messages that were rejected, as they came, with the reason in their headers (`har.rejections`).
REJECTED = Topic("accelerometer.rejected", "the rejected message, unchanged", "device if known", 30 * DAY_MS)
#: What wearers say that they do.
LABELS = Topic("activity.labels", "har.labels.Label (JSON)", "device", 30 * DAY_MS)
#: What a canary and what is stable say of the same window.
COMPARISONS = Topic("model.comparisons", "har.comparisons.Comparison (JSON)", "device", 7 * DAY_MS)
#: Changes of the store's channels; everybody who serves a release reads all of it.
RELEASES = Topic(
    "model.releases", "har.channels.ReleaseAnnouncement (JSON)", "channel", DAY_MS, compacted=True, partitions=1
)

ALL = (SAMPLES, PREDICTIONS, REJECTED, LABELS, COMPARISONS, RELEASES)
