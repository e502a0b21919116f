"""What is trained: the one object that `har train` makes of its settings, and that everything after it reads.

How a run is carried out, which changes nothing about the trained weights, is `trainer.runs.run.RunOptions`.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from har.releases import Normalisation
from har.windows import WindowSpec
from trainer.fitting.augmentation import long_steps
from trainer.fitting.fit_settings import FitSettings
from trainer.preparation.plan import PreparationPlan
from trainer.settings import DEFAULT_CLASSES

#: Windows are divided by standard gravity, so that the network sees values around 1.
GRAVITY = Normalisation(mean=(0.0, 0.0, 0.0), scale=(9.80665, 9.80665, 9.80665))


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


class TrainRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the trained weights: a run that is resumed must be asked for the same.

    Attributes
    ----------
    data : tuple of str
        Paths or names of the data sets.
    network : str
        A name in `trainer.fitting.networks.NETWORKS`.
    classes : tuple of str
        The labels to tell apart, in the order of the outputs.
    windows : WindowSpec
        The windows that the release classifies.
    training_hop_us : int
        Hop of the windows that are trained on, µs: denser than the release's.
    normalisation : Normalisation
        Every consumer applies it before the network.
    held_out_share : float
        Share of each device's people that validate; with 0, all are trained on.
    shards : int
        Files of each split.
    fit : FitSettings
        How the network is fitted on one machine.
    mode : Mode
        How the work is shared.
    workers : int
        Processes that train.
    unknown_cost : float
        Share of the right answers that the threshold for unknown may cost.
    """

    data: tuple[str, ...] = ()
    network: str = "conv_lstm"
    classes: tuple[str, ...] = DEFAULT_CLASSES
    windows: WindowSpec = WindowSpec()
    training_hop_us: int = 500_000
    normalisation: Normalisation = GRAVITY
    held_out_share: float = 0.2
    shards: int = 16
    fit: FitSettings = FitSettings()
    mode: Mode = Mode.LOCAL
    workers: int = 1
    unknown_cost: float = 0.02

    @property
    def training_windows(self) -> WindowSpec:
        """The windows that are trained on: long enough to be varied."""
        return msgspec.structs.replace(
            self.windows,
            steps=long_steps(self.windows.steps, self.fit.augmentation),
            hop_us=self.training_hop_us,
        )

    @property
    def preparation(self) -> PreparationPlan:
        """How recordings become shards."""
        return PreparationPlan(
            classes=self.classes,
            training_windows=self.training_windows,
            windows=self.windows,
            held_out_share=self.held_out_share,
            shards=self.shards,
        )
