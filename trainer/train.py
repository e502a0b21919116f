"""`har train`: it begins with this alone, so that what libraries print while they are imported is kept apart, too."""

from __future__ import annotations

from har.training_settings import TrainSettings
from trainer.library_output import kept_apart


def run(settings: TrainSettings) -> int:
    """Train as the settings say; return the exit status."""
    folder = settings.output if settings.every is not None else settings.output / "logs"
    with kept_apart(folder / "driver.log") as terminal:
        from trainer.train_command import train  # noqa: PLC0415 - TensorFlow's import is one of the noisy ones

        return train(settings, terminal)
