"""What every process of a training run is told."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from har.releases import Normalisation
from trainer.training import FitSettings

#: Batches that an asynchronous worker takes in one step.
ASYNC_BATCHES = 2


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
        A name in `trainer.networks.NETWORKS`.
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
    def worker_settings(self) -> FitSettings:
        """How the workers fit together: batch, learning rate and averaging, scaled with their number.

        Synchronous workers keep their batch, so a step sees `workers` times as many windows and there are fewer steps.
        The rate grows with the square root of the batch, as the noise of the gradient shrinks with it (A. Krizhevsky,
        "One weird trick for parallelizing convolutional neural networks", 2014, section 5), and the weights are
        averaged over as many windows as before. Asynchronous workers take larger steps, `ASYNC_BATCHES` batches at a
        time, since each costs an exchange of all weights; however many they are, they take as many of them, each on
        weights that the others have changed. Their rate falls with the square root of that staleness, between constant
        and the inverse proportion that W. Zhang et al. propose ("Staleness-aware async-SGD for distributed deep
        learning", 2016, section 2).
        """
        if self.mode is Mode.SYNC:
            return replace(
                self.fit,
                batch=self.fit.batch * self.workers,
                peak_rate=self.fit.peak_rate * math.sqrt(self.workers),
                average=self.fit.average**self.workers,
                threads=1,
            )
        if self.mode is Mode.ASYNC:
            return replace(
                self.fit,
                batch=self.fit.batch * ASYNC_BATCHES,
                peak_rate=self.fit.peak_rate * math.sqrt(ASYNC_BATCHES / self.workers),
                average=self.fit.average**ASYNC_BATCHES,
                threads=1,
            )
        return self.fit

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimiser in an epoch, of all workers together."""
        return max(1, self.fit.windows_per_epoch // self.worker_settings.batch)
