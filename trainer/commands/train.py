"""`har train`: redirect the output of libraries to a file, then import the command, whose imports print a lot."""

from __future__ import annotations

import sys
from contextlib import ExitStack

from har.process import interrupts
from trainer.runs.library_output import LibraryOutput
from trainer.settings import TrainSettings

FAILED = 1


def run(settings: TrainSettings) -> int:
    """Train by the settings; return the exit status."""
    log = settings.output / ("driver.log" if settings.every is not None else "logs/driver.log")
    with ExitStack() as stack:
        try:
            output = stack.enter_context(LibraryOutput(log))
        except OSError as error:
            print(f"har train: cannot write the run folder: {error}", file=sys.stderr)
            return FAILED
        with interrupts.ending_at_once():
            from trainer.commands.train_command import train  # noqa: PLC0415 - TensorFlow prints during import
        return train(settings, output)
