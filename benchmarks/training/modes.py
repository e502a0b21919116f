"""Local, synchronous and asynchronous training on a standalone Spark master: how well, and in what time."""

from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib.figure import Figure
from rich.console import Console

from benchmarks.training.requests import request_for
from benchmarks.training.results import show_table, write_figures
from deploy.spark.standalone import StandaloneCluster
from trainer import run_preparation
from trainer.distributed.job import Mode
from trainer.evaluation.measures import measure as measure_outcomes
from trainer.run_plots import last_of_epochs
from trainer.training_run import RunOptions, run_training

EXECUTORS = 2
_COLOURS = {"local": "#2b6cb0", "sync": "#dd6b20", "async": "#38a169"}


def measure(data: list[Path], output: Path, seeds: int, epochs: int | None) -> None:
    """Train with every mode and seed; the same people are held out each time."""
    runs: list[dict[str, Any]] = []
    curves: list[tuple[str, list[float], list[float]]] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        prepared = folder / "prepared"
        run_preparation.prepare(
            data, request_for(data, Mode.LOCAL, workers=1).preparation, prepared, spark=None, executors=1
        )
        # Two workers; asynchronous training needs an executor each for coordinator and parameter server, too.
        with StandaloneCluster(folder / "spark", workers=2, cores=2) as cluster:
            for seed in range(seeds):
                for mode in Mode:
                    run, curve = _run(prepared, folder / f"{mode}-{seed}", mode, seed, epochs, cluster.url)
                    runs.append(run)
                    curves.append(curve)
                    print(run, flush=True)
                    write_figures(output, "modes", runs)
    show_table([_summary(mode, [run for run in runs if run["mode"] == mode.value]) for mode in Mode])
    _picture(output / "time_to_accuracy.png", curves)


def _run(
    prepared: Path, folder: Path, mode: Mode, seed: int, epochs: int | None, master: str
) -> tuple[dict[str, Any], tuple[str, list[float], list[float]]]:
    workers = 1 if mode is Mode.LOCAL else EXECUTORS
    request = request_for([prepared], mode, workers=workers, epochs=epochs, seed=seed)
    finished = run_training(request, RunOptions(folder=folder, master=master), Console(stderr=True, soft_wrap=True))
    lines = last_of_epochs(finished.folder)
    scores = measure_outcomes(finished.candidate.validated.outcomes, 0.0).scores
    run = {
        "mode": mode.value,
        "seed": seed,
        "macro-F1": scores.macro_f1,
        "accuracy": scores.accuracy,
        "seconds": lines[-1].seconds,
        "windows/s": lines[-1].windows / lines[-1].seconds,
    }
    return run, (mode.value, [where.seconds for where in lines], [where.accuracy for where in lines])


def _summary(mode: Mode, runs: list[dict[str, Any]]) -> dict[str, Any]:
    found = [run["macro-F1"] for run in runs]
    return {
        "mode": mode.value,
        "macro-F1, mean": mean(found),
        "least": min(found),
        "most": max(found),
        "seconds": mean(run["seconds"] for run in runs),
        "windows/s": mean(run["windows/s"] for run in runs),
    }


def _picture(path: Path, curves: list[tuple[str, list[float], list[float]]]) -> None:
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    seen = set()
    for mode, seconds, accuracy in curves:
        axes.plot(seconds, accuracy, color=_COLOURS[mode], alpha=0.8, label=None if mode in seen else mode)
        seen.add(mode)
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("accuracy on varied training windows")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
