"""Plot the training curves of a run."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from trainer.run_folder import Progress, RunFolder

CURVES_FILE = "curves.png"


def epoch_ends(folder: RunFolder) -> list[Progress]:
    """Return the last line of each completed epoch; for a repeated epoch, that of the last attempt."""
    lines = {line.epoch: line for line in folder.progress() if line.step == line.steps}
    return [lines[epoch] for epoch in sorted(lines)]


def write_curves(folder: RunFolder) -> Path | None:
    """Plot loss, accuracy and learning rate over the epochs, into ``plots/``.

    Returns
    -------
    Path or None
        The image file; None if no epoch is complete.
    """
    epochs = epoch_ends(folder)
    if not epochs:
        return None
    figure = Figure(figsize=(9, 3), layout="constrained")
    loss, accuracy, rate = figure.subplots(1, 3)
    numbers = [end.epoch for end in epochs]
    for axes, title, values in (
        (loss, "loss (nats)", [end.loss for end in epochs]),
        (accuracy, "accuracy on augmented training windows", [end.accuracy for end in epochs]),
        (rate, "learning rate", [end.rate for end in epochs]),
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
