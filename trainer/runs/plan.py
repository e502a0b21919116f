"""What a release is trained for, and how: the plan that preparation, training and freezing share."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from har.releases import Normalisation
from har.windows import WindowSpec
from trainer.fitting.augmentation import long_steps
from trainer.fitting.fit_settings import FitSettings
from trainer.preparation.plan import PreparationPlan
from trainer.settings import DEFAULT_CLASSES

#: Windows are divided by standard gravity, so that the network sees values around 1.
GRAVITY = Normalisation(mean=(0.0, 0.0, 0.0), scale=(9.80665, 9.80665, 9.80665))


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What is trained, and how.

    Attributes
    ----------
    network : str
        A name in `trainer.fitting.networks.NETWORKS`.
    classes : tuple of str
        The labels to tell apart, in the order of the outputs.
    windows : WindowSpec
        The windows the release classifies.
    training_hop_us : int
        Hop of the windows that are trained on, µs: denser than the release's.
    normalisation : Normalisation
        Applied by every consumer before the network.
    held_out_share : float
        Share of each device's people that validate; with 0, all are trained on.
    shards : int
        Files of each split.
    fit : FitSettings
        How the network is fitted on one machine.
    """

    network: str = "conv_lstm"
    classes: tuple[str, ...] = DEFAULT_CLASSES
    windows: WindowSpec = field(default_factory=WindowSpec)
    training_hop_us: int = 500_000
    normalisation: Normalisation = GRAVITY
    held_out_share: float = 0.2
    shards: int = 16
    fit: FitSettings = field(default_factory=FitSettings)

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
