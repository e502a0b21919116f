"""Settings of fitting. They are in their own module, so that code that only reads them need not import TensorFlow."""

from dataclasses import dataclass, field

from trainer import defaults
from trainer.fitting.augmentation import AugmentationSettings


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """Settings of fitting.

    Attributes
    ----------
    epochs : int
        Number of epochs.
    windows_per_epoch : int
        Number of windows drawn for each epoch.
    batch : int
        Number of windows per step of the optimiser.
    peak_rate : float
        Learning rate of Adam after the warm-up. It then decays along a cosine to 1 % of this value.
    warm_up_share : float
        Share of all steps in which the learning rate rises linearly from 0 to its peak.
    clip_norm : float
        Largest norm of each gradient; longer ones are scaled down to it.
    average : float
        Momentum of the exponential moving average of the weights, which training returns.
    label_smoothing : float
        Share of each target that is distributed over all classes.
    seed : int
        Seed of the initial weights and all draws.
    threads : int
        Number of TensorFlow threads for one operation.
    augmentation : AugmentationSettings
        Ranges of the random variations of windows.
    """

    epochs: int = defaults.EPOCHS
    windows_per_epoch: int = defaults.WINDOWS_PER_EPOCH
    batch: int = defaults.BATCH
    peak_rate: float = defaults.PEAK_RATE
    warm_up_share: float = 0.05
    clip_norm: float = defaults.CLIP_NORM
    average: float = 0.99
    label_smoothing: float = 0.0
    seed: int = defaults.SEED
    threads: int = defaults.THREADS
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)

    @property
    def steps_per_epoch(self) -> int:
        """Number of steps in an epoch. Windows that do not fill a batch are left out."""
        return max(1, self.windows_per_epoch // self.batch)
