"""What every process of a training run is told."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from trainer.fitting.fit_settings import FitSettings
from trainer.request import Mode, TrainRequest

#: Batches that a worker takes in one step. Over executors each step costs an exchange: of gradients in `SYNC`, of all
#: weights and gradients with one parameter server in `ASYNC`.
STEP_BATCHES = {Mode.LOCAL: 1, Mode.SYNC: 2, Mode.ASYNC: 4}


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """One training run.

    Attributes
    ----------
    request : TrainRequest
        What is trained; `worker_settings` says what changes in its `fit` with several workers.
    prepared : Path
        The prepared folder; all processes see it under this name.
    run : Path
        The run's folder, likewise.
    pinned : bool
        Whether each process is held to one core of its machine, for measuring.
    """

    request: TrainRequest
    prepared: Path
    run: Path
    pinned: bool = False

    @property
    def worker_batch(self) -> int:
        """Windows that a worker takes in one step."""
        return self.request.fit.batch * STEP_BATCHES[self.request.mode]

    @property
    def worker_settings(self) -> FitSettings:
        """How the workers fit together: batch, learning rate and averaging, scaled with the windows that a step sees.

        A worker over executors takes several batches in a step (`STEP_BATCHES`). Synchronous workers take each step
        together, so it sees the windows of all of them and there are fewer steps. Asynchronous workers, however many
        they are, take as many steps as one, each on weights that the others have changed.

        The rate grows with the square root of what a step sees, as the noise of the gradient shrinks with it
        (A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, section 5), and the
        weights are averaged over as many windows as before. It falls with the square root of the staleness, between
        constant and the inverse proportion that W. Zhang et al. propose ("Staleness-aware async-SGD for distributed
        deep learning", 2016, section 2).
        """
        if self.request.mode is Mode.LOCAL:
            return self.request.fit
        batches = STEP_BATCHES[self.request.mode] * (self.request.workers if self.request.mode is Mode.SYNC else 1)
        staleness = self.request.workers if self.request.mode is Mode.ASYNC else 1
        return replace(
            self.request.fit,
            batch=self.request.fit.batch * batches,
            peak_rate=self.request.fit.peak_rate * math.sqrt(batches / staleness),
            average=self.request.fit.average**batches,
            threads=1,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimiser in an epoch, of all workers together."""
        return self.worker_settings.steps_per_epoch
