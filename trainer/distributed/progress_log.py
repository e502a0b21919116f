"""What the process that leads a training says of it: a line in the run's metrics now and then, one for each epoch."""

from __future__ import annotations

from time import monotonic

from trainer.distributed.job import TrainingJob
from trainer.runs.folder import Progress, RunFolder

#: Within an epoch there is a line at most this often, and one at its end.
SECONDS_BETWEEN_LINES = 1.0


class ProgressLog:
    """Writes `Progress` lines; the clock begins when it is made.

    Parameters
    ----------
    job : TrainingJob
        The run.
    """

    def __init__(self, job: TrainingJob) -> None:
        self._job = job
        self._folder = RunFolder(job.run)
        self._epochs_done = 0
        self._began = self._written = monotonic()

    def is_due(self) -> bool:
        """Tell whether the last line is long enough ago."""
        return monotonic() - self._written >= SECONDS_BETWEEN_LINES

    def write(self, epoch: int, step: int, *, loss: float, accuracy: float, rate: float) -> None:
        """Write a line.

        Parameters
        ----------
        epoch : int
            The running epoch, from 1.
        step : int
            Steps done in it, of all workers.
        loss, accuracy : float
            Means over the epoch so far.
        rate : float
            The optimiser's learning rate.
        """
        self._written = monotonic()
        steps = self._job.steps_per_epoch
        done = self._epochs_done * steps + step
        if step == steps:
            self._epochs_done += 1
        self._folder.append(
            Progress(
                epoch=epoch,
                epochs=self._job.request.fit.epochs,
                step=step,
                steps=steps,
                loss=loss,
                accuracy=accuracy,
                rate=rate,
                windows=done * self._job.worker_settings.batch,
                seconds=self._written - self._began,
            )
        )
