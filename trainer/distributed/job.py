"""What every process of a training run is told."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from har.releases import Normalisation
from trainer.fitting.fit_settings import FitSettings


class Mode(StrEnum):
    """How a network is trained.

    Attributes
    ----------
    LOCAL
        In this process.
    SYNC
        All workers take each step together, on the mean of their gradients.
    ASYNC
        Each worker takes its steps when it is ready, on weights that others may have changed meanwhile.
    """

    LOCAL = "local"
    SYNC = "sync"
    ASYNC = "async"


#: Batches that a worker takes in one step. Over executors each step costs an exchange: of gradients in `SYNC`, of all
#: weights and gradients with one parameter server in `ASYNC`.
STEP_BATCHES = {Mode.LOCAL: 1, Mode.SYNC: 2, Mode.ASYNC: 4}


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """One training run.

    Attributes
    ----------
    prepared : Path
        The prepared folder; all processes see it under this name.
    run : Path
        The run's folder, likewise.
    network : str
        A name in `trainer.fitting.networks.NETWORKS`.
    classes : tuple of str
        What the network tells apart, in the order of its outputs.
    steps : int
        Length of its windows.
    normalisation : Normalisation
        Applied before the network.
    fit : FitSettings
        How it is fitted on one machine; `worker_settings` says what changes with several.
    mode : Mode
        How the work is shared.
    workers : int
        Processes that train.
    pinned : bool
        Whether each process is held to one core of its machine, for measuring.
    """

    prepared: Path
    run: Path
    network: str
    classes: tuple[str, ...]
    steps: int
    normalisation: Normalisation
    fit: FitSettings
    mode: Mode = Mode.LOCAL
    workers: int = 1
    pinned: bool = False

    @property
    def worker_batch(self) -> int:
        """Windows that a worker takes in one step."""
        return self.fit.batch * STEP_BATCHES[self.mode]

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
        if self.mode is Mode.LOCAL:
            return self.fit
        batches = STEP_BATCHES[self.mode] * (self.workers if self.mode is Mode.SYNC else 1)
        staleness = self.workers if self.mode is Mode.ASYNC else 1
        return replace(
            self.fit,
            batch=self.fit.batch * batches,
            peak_rate=self.fit.peak_rate * math.sqrt(batches / staleness),
            average=self.fit.average**batches,
            threads=1,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimiser in an epoch, of all workers together."""
        return self.worker_settings.steps_per_epoch
