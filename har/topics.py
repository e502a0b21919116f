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
        How long messages are kept, ms.
    """

    name: str
    carries: str
    key: str
    retention_ms: int


SAMPLES = Topic("accelerometer.samples", "har.samples.SampleBatch (MessagePack)", "device", 7 * DAY_MS)
PREDICTIONS = Topic("activity.predictions", "har.predictions.Prediction (JSON)", "device", 7 * DAY_MS)
#: Messages that were refused, as they came, with the reason in their headers (`har.refusals`).
REFUSED = Topic("accelerometer.refused", "the refused message, unchanged", "device if known", 30 * DAY_MS)

ALL = (SAMPLES, PREDICTIONS, REFUSED)
