"""How a network is fitted. It is apart from what fits it, so that nobody who only prepares must load TensorFlow."""

from dataclasses import dataclass, field

from trainer.fitting.augmentation import AugmentationSettings


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How a network is fitted.

    Attributes
    ----------
    epochs : int
        Rounds of `windows_per_epoch` windows.
    windows_per_epoch : int
        Windows drawn for each epoch.
    batch : int
        Windows for each step of the optimiser.
    peak_rate : float
        Adam's learning rate after the warm-up; from there it falls along a cosine to 1 % of it.
    warm_up_share : float
        Share of all steps in which the rate climbs from 0 to its peak.
    clip_norm : float
        Each gradient is shortened to this norm.
    average : float
        Momentum of the running mean of the weights, which is what training returns.
    label_smoothing : float
        Share of each target that is spread over all classes.
    seed : int
        Fixes the initial weights and every draw.
    threads : int
        Threads TensorFlow may use for one operation.
    augmentation : AugmentationSettings
        How windows are varied.
    """

    epochs: int = 16
    windows_per_epoch: int = 9_600
    batch: int = 64
    peak_rate: float = 3e-3
    warm_up_share: float = 0.05
    clip_norm: float = 1.0
    average: float = 0.99
    label_smoothing: float = 0.0
    seed: int = 0
    threads: int = 2
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimiser in an epoch; windows that do not fill a batch are left out."""
        return max(1, self.windows_per_epoch // self.batch)
