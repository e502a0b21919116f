"""Measure quality and time of local, synchronous and asynchronous training on a standalone Spark master.

Each training process is pinned to one core. The checkpoint of each epoch is copied. After training, the averaged
weights of each copy classify the held-out windows, which gives the time to accuracy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib.figure import Figure
from rich.console import Console

from benchmarks.training.apart import run_apart
from benchmarks.training.held_out_curve import CheckpointKeeper, held_out_curve
from benchmarks.training.requests import request_for
from benchmarks.training.results import show_table, write_figures
from deploy.spark.standalone import StandaloneCluster
from trainer.evaluation.scores import measure as measure_outcomes
from trainer.evaluation.validation import read_validation
from trainer.request import Mode, with_outputs
from trainer.runs import preparation
from trainer.runs.plots import epoch_ends
from trainer.runs.run import RunOptions, job_of, run_training

#: Mode and number of executors.
WAYS = ((Mode.LOCAL, 1), (Mode.SYNC, 2), (Mode.ASYNC, 2))
_COLOURS = {"local": "#2b6cb0", "sync": "#dd6b20", "async": "#38a169"}


@dataclass(frozen=True)
class Measured:
    """One training run.

    Attributes
    ----------
    figures
        Its row in the table.
    curve
        Training time, s, and macro-F1 on held-out people, at the end of each epoch.
    """

    figures: dict[str, Any]
    curve: list[tuple[float, float]]


def measure(data: list[Path], output: Path, seeds: int, epochs: int | None) -> None:
    """Train with every mode and seed; the same people are held out each time."""
    runs: list[Measured] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        prepared = folder / "prepared"
        plan = request_for(data, Mode.LOCAL, workers=1).preparation
        preparation.prepare(data, plan, prepared, spark=None, executors=1)
        # Two workers. Asynchronous training also needs one executor each for coordinator and parameter server.
        with StandaloneCluster(folder / "spark", workers=2, cores=2) as cluster:
            for seed in range(seeds):
                for mode, executors in WAYS:
                    run = folder / f"{mode}-{executors}-{seed}"
                    runs.append(run_apart(_train, prepared, run, (mode, executors), seed, epochs, cluster.url))
                    print(runs[-1].figures, flush=True)
                    write_figures(output, "modes", [run.figures | {"curve": run.curve} for run in runs])
    show_table([_summary(way, [run.figures for run in runs]) for way in WAYS])
    draw(output / "time_to_accuracy.png", runs)


def _train(prepared: Path, folder: Path, way: tuple[Mode, int], seed: int, epochs: int | None, master: str) -> Measured:
    mode, executors = way
    request = request_for([prepared], mode, workers=executors, epochs=epochs, seed=seed)
    options = RunOptions(folder=folder, master=master, pinned=True)
    keeper = CheckpointKeeper(folder)
    keeper.start()
    finished = run_training(request, options, Console(stderr=True, soft_wrap=True))
    keeper.end()
    last = epoch_ends(finished.folder)[-1]
    found = measure_outcomes(finished.candidate.validated.outcomes)
    trained = with_outputs(request, preparation.open_prepared(prepared, request.preparation).plan)
    curve = held_out_curve(job_of(trained, finished.folder, pinned=True), keeper.kept, read_validation(prepared))
    figures = {
        "mode": mode.value,
        "executors": executors,
        "seed": seed,
        "macro-F1": found.macro_f1,
        "accuracy": found.accuracy,
        "seconds": last.seconds,
        "windows/s": last.windows / last.seconds,
    }
    return Measured(figures, curve)


def _summary(way: tuple[Mode, int], runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    mode, executors = way
    of_way = [run for run in runs if (run["mode"], run["executors"]) == (mode.value, executors)]
    found = [run["macro-F1"] for run in of_way]
    return {
        "mode": mode.value,
        "executors": executors,
        "macro-F1, mean": mean(found),
        "least": min(found),
        "most": max(found),
        "seconds": mean(run["seconds"] for run in of_way),
        "windows/s": mean(run["windows/s"] for run in of_way),
    }


def draw(path: Path, runs: Sequence[Measured]) -> None:
    """Plot macro-F1 on held-out people over training time."""
    figure = Figure(figsize=(6.5, 3.8), layout="constrained")
    axes = figure.subplots()
    named = set()
    for run in runs:
        mode, executors = run.figures["mode"], run.figures["executors"]
        name = f"{mode}, {executors} executor{'s' if executors > 1 else ''} of one core"
        seconds, found = zip(*run.curve, strict=True)
        axes.plot(seconds, found, color=_COLOURS[mode], alpha=0.8, label=None if name in named else name)
        named.add(name)
    axes.set_xlabel("training time, s")
    axes.set_ylabel("macro-F1 on held-out people")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
