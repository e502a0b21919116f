"""`har train`: redirect the output of libraries to a file, then import the command, whose imports print a lot."""

from __future__ import annotations

from contextlib import ExitStack

from har.process import interrupts
from har.process.ending import NOT_REACHED, report_failure
from har.process.log_format import configure_logs
from trainer.run_folder import RunFolder
from trainer.runs.library_output import LibraryOutput
from trainer.settings import TrainSettings


def run(settings: TrainSettings) -> int:
    """Train by the settings; return the exit status."""
    log = settings.output / ("driver.log" if settings.every is not None else "logs/driver.log")
    if settings.log_format == "json":
        configure_logs("train", settings)
    if settings.every is None and (refusal := RunFolder(settings.output).refusal()):
        report_failure("har train", refusal)
        return NOT_REACHED
    with ExitStack() as stack:
        try:
            json_of = "train" if settings.log_format == "json" else None
            output = stack.enter_context(LibraryOutput(log, json_of=json_of))
        except OSError as error:
            report_failure("har train", f"cannot write the run folder: {error}")
            return NOT_REACHED
        with interrupts.ending_at_once():
            from trainer.commands.train_command import train  # noqa: PLC0415 - TensorFlow prints during import
        return train(settings, output)
