"""What the pipeline passes from stage to stage."""

from collections.abc import Awaitable
from dataclasses import dataclass, field

from har.batch_runs import ClosedWindow
from har.predictions import Prediction
from har.rejections import Rejection
from har.samples import SampleBatch
from stream_processor.assigned_partition import AssignedPartition
from stream_processor.sessions import Position, SessionKey

Windows = list[tuple[SessionKey, ClosedWindow[Position]]]


@dataclass
class Work:
    """What follows from one message, or from a session's silence: to be published, and then done."""

    partition: AssignedPartition
    windows: Windows = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    carried: list[tuple[SampleBatch, Position]] = field(default_factory=list)
    silent_seconds: float = 0.0

    def sessions(self) -> set[SessionKey]:
        """Return the sessions whose windows or batches it has."""
        carried = {SessionKey(batch.device, batch.session) for batch, _ in self.carried}
        return {key for key, _ in self.windows} | carried

    def first_start(self, key: SessionKey) -> int:
        """Return the start of a session's first window, µs; of carried batches, the time of the first reading."""
        starts = [window.start for of, window in self.windows if of == key]
        return min(starts or [int(batch.times.min()) for batch, _ in self.carried])


@dataclass(frozen=True)
class SentWork:
    """Work that was passed to Kafka's producer and is not confirmed yet.

    `titles` has, for each prediction, what its kind of background is, for people; None without a kind.
    """

    group: list[Work]
    windows: Windows
    predictions: list[Prediction]
    titles: list[str | None]
    confirmations: list[Awaitable[object]]
