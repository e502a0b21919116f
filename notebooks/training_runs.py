"""Trainings for the notebooks: what `har train` runs, and what its run folder tells."""

import logging
import shutil
import warnings
from collections.abc import Iterable

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console
from simulated_people import WORK

from trainer.run_folder import RunFolder
from trainer.runs.library_output import LibraryOutput

with LibraryOutput(WORK / "imports.log"), warnings.catch_warnings():  # TensorFlow prints during its import
    warnings.simplefilter("ignore")
    from trainer.request import TrainRequest
    from trainer.runs.plots import epoch_ends
    from trainer.runs.run import FinishedRun, RunOptions, run_training

#: Colours of the runs of the notebooks in a picture of several.
_COLOURS = {"local": "#2f6fb0", "sync": "#c8553d", "async": "#3a8f5f"}

for _name in (None, "tensorflow"):  # the root logger, which TensorFlowOnSpark sets up
    logging.getLogger(_name).setLevel(logging.ERROR)


def train(request: TrainRequest, name: str, *, master: str | None = None) -> FinishedRun:
    """Train, evaluate and freeze, as `har train` does, and replace an earlier run of the same name.

    Parameters
    ----------
    request : TrainRequest
        What to train.
    name : str
        Name of the run's folder in `WORK`, and of the release.
    master : str, optional
        URL of a Spark master. By default, a mode that needs Spark starts a cluster on this machine.
    """
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    console = Console(force_terminal=False, force_jupyter=False, soft_wrap=True)
    with LibraryOutput(folder / "logs" / "driver.log"):  # TensorFlow, Spark and the converters print a lot
        return run_training(request, RunOptions(folder=folder, release=name, master=master), console)


def processes(run: RunFolder) -> pd.DataFrame:
    """Return a row for each process of a run: where it ran, and which windows it trained on."""
    rows = [
        {
            "process": report.name,
            "pid": report.pid,
            "host": report.host,
            "shards": len(report.shards),
            "windows": sum(report.windows.values()),
            **report.windows,
        }
        for report in run.worker_reports()
    ]
    return pd.DataFrame(rows).set_index("process").fillna(0).convert_dtypes()


def curves(names: Iterable[str]) -> Figure:
    """Plot loss and accuracy on the varied training windows over time; runs that do not exist are left out."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 3))
    for name in (name for name in names if RunFolder(WORK / name).metrics.exists()):
        ends = epoch_ends(RunFolder(WORK / name))
        seconds = [end.seconds for end in ends]
        for panel, values in zip(panels, ([end.loss for end in ends], [end.accuracy for end in ends]), strict=True):
            panel.plot(seconds, values, marker=".", label=name, color=_COLOURS.get(name))
    for panel, title in zip(panels, ("loss, nats", "accuracy"), strict=True):
        panel.set(title=title, xlabel="seconds since the training began")
    panels[0].legend()
    plt.close(figure)
    return figure
