"""The job that every process of a training run receives."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from trainer.fitting.fit_settings import FitSettings
from trainer.request import Mode, TrainRequest

#: Batches per step of a worker. On executors each step costs an exchange between processes: of gradients in `SYNC`, of
#: all weights and gradients with the parameter server in `ASYNC`.
STEP_BATCHES = {Mode.LOCAL: 1, Mode.SYNC: 2, Mode.ASYNC: 4}


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """One training run, for its processes.

    Attributes
    ----------
    request : TrainRequest
        What is trained; `worker_settings` adapts its `fit` to several workers.
    prepared : Path
        Prepared folder, on a path that all processes can read.
    run : Path
        Run folder, on a path that all processes can write.
    pinned : bool
        Whether each process is pinned to one core of its machine, for benchmarks.
    """

    request: TrainRequest
    prepared: Path
    run: Path
    pinned: bool = False

    @property
    def worker_batch(self) -> int:
        """Windows per step of a worker."""
        return self.request.fit.batch * STEP_BATCHES[self.request.mode]

    @property
    def worker_settings(self) -> FitSettings:
        """Fit settings of all workers together: batch, learning rate and averaging, scaled to the windows of a step.

        On executors, a worker takes several batches per step (`STEP_BATCHES`). Synchronous workers take each step
        together, so a step covers the windows of all workers, and there are fewer steps. Asynchronous workers together
        take as many steps as one worker, each on weights that others may have changed.

        The learning rate grows with the square root of the batches per step, as the noise of the gradient shrinks
        (A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, section 5). The weights
        are averaged over as many windows as with one batch per step. The learning rate falls with the square root of
        the staleness, which lies between no change and the inverse proportion of W. Zhang et al. ("Staleness-aware
        async-SGD for distributed deep learning", 2016, section 2).
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
        """Optimiser steps per epoch, of all workers together."""
        return self.worker_settings.steps_per_epoch
