"""Write the metrics of a run from its leading process: a line about every second, and one per epoch."""

from __future__ import annotations

from time import monotonic

from trainer.distributed.job import TrainingJob
from trainer.run_folder import Progress, RunFolder

#: Shortest interval of lines within an epoch, s. Each epoch ends with a line.
SECONDS_BETWEEN_LINES = 1.0


class ProgressLog:
    """Writes `Progress` lines, with the time since its creation.

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
        """Return whether the next line is due."""
        return monotonic() - self._written >= SECONDS_BETWEEN_LINES

    def write(self, epoch: int, step: int, *, loss: float, accuracy: float, rate: float) -> None:
        """Write a line.

        Parameters
        ----------
        epoch : int
            Current epoch, from 1.
        step : int
            Completed steps of all workers in the epoch.
        loss, accuracy : float
            Means over the epoch so far.
        rate : float
            Learning rate of the optimiser.
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
