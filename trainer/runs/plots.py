"""A run's curves as a picture."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib.figure import Figure

from trainer.runs.folder import Progress, RunFolder

CURVES_FILE = "curves.png"


def last_of_epochs(folder: RunFolder) -> list[Progress]:
    """Return the last line of each epoch that was completed; of an epoch that was repeated, the last try's."""
    lines = {where.epoch: where for where in folder.progress() if where.step == where.steps}
    return [lines[epoch] for epoch in sorted(lines)]


def write_curves(folder: RunFolder) -> Path | None:
    """Draw loss, accuracy and learning rate over the epochs into ``plots/``.

    Returns
    -------
    Path or None
        The picture; None if no epoch was completed.
    """
    epochs = last_of_epochs(folder)
    if not epochs:
        return None
    figure = Figure(figsize=(9, 3), layout="constrained")
    loss, accuracy, rate = figure.subplots(1, 3)
    numbers = [where.epoch for where in epochs]
    for axes, title, values in (
        (loss, "loss (nats)", [where.loss for where in epochs]),
        (accuracy, "accuracy on varied training windows", [where.accuracy for where in epochs]),
        (rate, "learning rate", [where.rate for where in epochs]),
    ):
        axes.plot(numbers, values, marker=".", color="#2b6cb0")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("epoch", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    plots = folder.path / "plots"
    plots.mkdir(exist_ok=True)
    figure.savefig(plots / CURVES_FILE, dpi=120)
    return plots / CURVES_FILE
