"""Use the upright references of sessions on the predictions of windows alone, in the order of the log.

Classification works on the windows of many sessions together. What follows here depends on the order of windows within
a session, and is cheap.
"""

import logging
from collections.abc import Collection

from har.predictions import Prediction
from har.session_references import JudgedWindow
from stream_processor.assigned_partition import AssignedPartition
from stream_processor.classification import Classified
from stream_processor.earlier_predictions import EarlierPredictions
from stream_processor.metrics import ProcessorMetrics
from stream_processor.sessions import SessionKey
from stream_processor.work import Work

log = logging.getLogger(__name__)


class Judging:
    """Judges windows by their sessions' references; looks up what is published of sessions that are continued.

    Parameters
    ----------
    earlier : EarlierPredictions
        Looks up earlier predictions.
    metrics : ProcessorMetrics
        Counts the sessions without an earlier prediction, and those that were dropped.
    """

    def __init__(self, earlier: EarlierPredictions, metrics: ProcessorMetrics) -> None:
        self._earlier = earlier
        self._metrics = metrics
        #: The generation in which sessions without an earlier prediction were logged last.
        self._logged: int | None = None

    async def prepare(self, group: list[Work]) -> list[Work]:
        """Look up the sessions of some work that are not known; return the work that can be judged.

        Work of a revoked partition whose session is not known is left out: the partition's next worker does it.
        """
        prepared = []
        try:
            for work in group:
                unknown = [key for key in work.sessions() if not work.partition.references.is_known(key)]
                if unknown and not work.partition.assigned:
                    continue
                for key in unknown:
                    await self._look_up(work.partition, key, work.first_start(key))
                prepared.append(work)
        finally:
            await self._earlier.close()
        return prepared

    def judge(self, group: list[Work], classified: Classified) -> list[Prediction]:
        """Return the predictions after the use of the references.

        Parameters
        ----------
        group : list of Work
            The work whose windows were classified.
        classified : Classified
            One prediction for each window of the work, in the same order.
        """
        predicted = zip(classified.predictions, classified.manifests, strict=True)
        return [
            work.partition.references.judge(key, *next(predicted), window.values)
            for work in group
            for key, window in work.windows
        ]

    def needed_with(self, work: Work) -> list[JudgedWindow]:
        """Return the judged windows that a worker needs to know which begins with the batches carried in some work."""
        batches = [batch for batch, _ in work.carried]
        if not batches:
            return []
        return work.partition.references.needed_for(SessionKey(batches[0].device, batches[0].session), batches)

    def forget(self, partitions: Collection[AssignedPartition]) -> None:
        """Forget the references of sessions that cannot continue with them."""
        for partition in partitions:
            dropped = partition.references.forget(partition.latest, partition.sessions.holds)
            if dropped:
                self._metrics.references_dropped.inc(dropped)
                log.warning("dropped the upright references of %d sessions of %s: too many", dropped, partition.name)
        if partitions:
            self._earlier.forget(min(partition.latest for partition in partitions))

    async def _look_up(self, partition: AssignedPartition, key: SessionKey, start: int) -> None:
        earliest = partition.references.earliest or 0
        windows = await self._earlier.of(key, partition.generation, earliest, start)
        partition.references.learn(key, windows)
        if windows:
            return
        self._metrics.references_not_found.inc()
        if self._logged != partition.generation:
            self._logged = partition.generation
            log.info(
                "no recent prediction of session %s of %s, which had begun before; it begins without an upright "
                "reference (har_references_not_found_total counts such sessions)",
                key.session, key.device,
            )  # fmt: skip
