"""`har train`: it begins with this alone, so that what libraries print while they are imported is kept apart, too."""

from __future__ import annotations

import sys
from contextlib import ExitStack

from har.process import interrupts
from trainer.runs.library_output import LibraryOutput
from trainer.settings import TrainSettings

FAILED = 1


def run(settings: TrainSettings) -> int:
    """Train as the settings say; return the exit status."""
    log = settings.output / ("driver.log" if settings.every is not None else "logs/driver.log")
    with ExitStack() as stack:
        try:
            output = stack.enter_context(LibraryOutput(log))
        except OSError as error:
            print(f"har train: the run's folder cannot be written: {error}", file=sys.stderr)
            return FAILED
        with interrupts.ending_at_once():
            from trainer.commands.train_command import train  # noqa: PLC0415 - TensorFlow's import is one of the noisy ones
        return train(settings, output)
