"""The training request: what to train, as one object that `har train` builds from its settings.

`trainer.runs.run.RunOptions` holds the options of a run that do not affect the trained weights.
"""

from __future__ import annotations

from enum import StrEnum
from typing import IO

import msgspec

from har.releases import Normalisation
from har.signal_quality import TRAINED, SignalBounds
from har.windowing import WindowSpec
from recording_files.checking import Inspection
from trainer import defaults
from trainer.fitting.augmentation import long_steps
from trainer.fitting.fit_settings import FitSettings
from trainer.preparation.plan import PreparationPlan

#: Divides windows by standard gravity (9.80665 m/s²), so that the network receives values around 1.
GRAVITY = Normalisation(mean=(0.0, 0.0, 0.0), scale=(9.80665, 9.80665, 9.80665))


class Mode(StrEnum):
    """How a network is trained.

    Attributes
    ----------
    LOCAL
        In this process, without Spark.
    SYNC
        All workers take each step together and apply the mean of their gradients.
    ASYNC
        Each worker takes steps independently. Other workers may change the weights during a step.
    """

    LOCAL = "local"
    SYNC = "sync"
    ASYNC = "async"


class TrainRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that determines the trained weights. Resuming a run requires an equal request.

    Attributes
    ----------
    data : tuple of str
        Paths or names of the data sets.
    network : str
        A name in `trainer.fitting.networks.NETWORKS`.
    classes : tuple of str
        Classes that the network distinguishes, in the order of its outputs; `class_choice.EVERY_CLASS` for every
        activity that the recordings show often enough.
    background : tuple of str
        Labels of kinds of background: outputs of the network beside the classes, as far as the recordings show them.
    windows : WindowSpec
        Windows that the release classifies.
    training_hop_us : int
        Hop of the training windows, µs; shorter than the release's.
    signal_bounds : SignalBounds
        The least quality of the readings under a window that is trained on, and that the release classifies.
    normalisation : Normalisation
        Applied to each window before the network, in training and by all consumers of the release.
    held_out_share : float
        Approximate share of each data set's wearers that validate and are not trained on
        (`trainer.preparation.plan.split_of_people`). The commands require more than 0.
    shards : int
        Number of files per split.
    fit : FitSettings
        Hyperparameters of the fit on one machine.
    mode : Mode
        How the work is distributed.
    workers : int
        Number of processes that train.
    unknown_cost : float
        Share of the correct predictions that the threshold for unknown may turn into unknown.
    """

    data: tuple[str, ...] = ()
    network: str = defaults.NETWORK
    classes: tuple[str, ...] = defaults.CLASSES
    background: tuple[str, ...] = defaults.BACKGROUND
    windows: WindowSpec = WindowSpec()
    training_hop_us: int = 500_000
    signal_bounds: SignalBounds = TRAINED
    normalisation: Normalisation = GRAVITY
    held_out_share: float = defaults.HELD_OUT_SHARE
    shards: int = defaults.SHARDS
    fit: FitSettings = FitSettings()
    mode: Mode = Mode.LOCAL
    workers: int = 1
    unknown_cost: float = defaults.UNKNOWN_COST

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the network distinguishes: the classes, then the kinds of background."""
        return (*self.classes, *self.background)

    @property
    def training_windows(self) -> WindowSpec:
        """The training windows: longer than the release's, as augmentation needs."""
        return msgspec.structs.replace(
            self.windows,
            steps=long_steps(self.windows.steps, self.fit.augmentation),
            hop_us=self.training_hop_us,
        )

    def inspection(
        self, *, force: bool = False, quiet: bool = False, says_left_out: bool = True, file: IO[str] | None = None
    ) -> Inspection:
        """Return how the data sets are checked: as strictly as training reads them."""
        return Inspection(
            force=force,
            quiet=quiet,
            spec=self.windows,
            bounds=self.signal_bounds,
            in_order=False,
            is_strict=True,
            says_left_out=says_left_out,
            file=file,
        )

    @property
    def preparation(self) -> PreparationPlan:
        """The plan by which preparation cuts recordings into shards."""
        return PreparationPlan(
            classes=self.classes,
            background=tuple(kind for kind in self.background if kind not in self.classes),
            training_windows=self.training_windows,
            windows=self.windows,
            signal_bounds=self.signal_bounds,
            held_out_share=self.held_out_share,
            shards=self.shards,
        )


def with_outputs(request: TrainRequest, plan: PreparationPlan) -> TrainRequest:
    """Return a request with the classes and the kinds of background that a preparation found."""
    return msgspec.structs.replace(request, classes=plan.classes, background=plan.background)
