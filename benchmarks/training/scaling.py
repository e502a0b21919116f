"""Measure training in windows per second: one process, and one and two executors, each pinned to one core.

The variants are measured in turn, in several rounds, because on a shared machine only ratios within one round are
meaningful. Two independent processes that train at the same time show the machine's limit, as its second core may add
less than its first.
"""

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib.figure import Figure
from rich.console import Console

from benchmarks.training.apart import run_apart, run_at_once
from benchmarks.training.processor_time import ProcessorWatch
from benchmarks.training.requests import request_for
from benchmarks.training.results import show_table, write_figures
from trainer.distributed.process import pin_to_core
from trainer.request import Mode
from trainer.run_folder import Progress, RunFolder
from trainer.runs import preparation
from trainer.runs.plots import epoch_ends
from trainer.runs.run import FinishedRun, RunOptions, run_training

#: Four times the recipe's value, because in short epochs, checkpoints would take a large share of the time.
WINDOWS_PER_EPOCH = 38_400
#: Mode and number of executors.
WAYS = ((Mode.LOCAL, 1), (Mode.LOCAL, 2), (Mode.SYNC, 1), (Mode.SYNC, 2), (Mode.ASYNC, 1), (Mode.ASYNC, 2))


def measure(data: list[Path], output: Path, epochs: int, rounds: int) -> None:
    """Train for some epochs with every mode and number of executors; the first epoch is not counted."""
    runs: list[dict[str, Any]] = []
    with TemporaryDirectory() as name:
        prepared = Path(name) / "prepared"
        request = request_for(data, Mode.LOCAL, workers=1, epochs=epochs)
        preparation.prepare(data, request.preparation, prepared, spark=None, executors=1)
        for number in range(rounds):
            of_round: list[dict[str, Any]] = []
            for mode, executors in WAYS:
                folder = Path(name) / f"{mode}-{executors}-{number}"
                if mode is Mode.LOCAL:
                    of_round.append(_measure_at_once(prepared, folder, executors, epochs))
                else:
                    of_round.append(run_apart(_measure, prepared, folder, mode, executors, epochs))
                alone = next(run for run in of_round if run["mode"] == mode.value)
                of_round[-1]["speed-up"] = of_round[-1]["windows/s"] / alone["windows/s"]
                print(of_round[-1], flush=True)
            runs += of_round
            write_figures(output, "scaling", runs)
    rows = [_medians(way, runs) for way in WAYS]
    show_table([{part: row.get(part, 0.0) for part in _columns(rows)} for row in rows])
    _plot(output / "scaling.png", rows)


def _measure_at_once(prepared: Path, folder: Path, processes: int, epochs: int) -> dict[str, Any]:
    """Train in independent processes, each pinned to one core; return their summed figures."""
    calls = [(number, prepared, folder / str(number), epochs) for number in range(processes)]
    runs = run_at_once(_measure_on_core, calls)
    return {
        **{part: sum(run[part] for run in runs) for part in runs[0] if part != "mode"},
        "mode": Mode.LOCAL.value,
        "executors": processes,
    }


def _measure_on_core(number: int, prepared: Path, folder: Path, epochs: int) -> dict[str, Any]:
    pin_to_core(number)
    return _measure(prepared, folder, Mode.LOCAL, 1, epochs)


def _medians(way: tuple[Mode, int], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of the runs of a mode and number of executors, and the range of their speed-ups."""
    of_way = [run for run in runs if (run["mode"], run["executors"]) == (way[0].value, way[1])]
    figures = {part: median(run[part] for run in of_way) for part in of_way[0] if part not in {"mode", "executors"}}
    least, most = (choose(run["speed-up"] for run in of_way) for choose in (min, max))
    return {"mode": way[0].value, "executors": way[1], **figures, "speed-ups": f"{least:.2f} to {most:.2f}"}


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _plot(path: Path, rows: list[dict[str, Any]]) -> None:
    figure = Figure(figsize=(6.5, 2.8), layout="constrained")
    axes = figure.subplots()
    names = [f"{row['mode']}, {row['executors']}" for row in rows]
    names[WAYS.index((Mode.LOCAL, 2))] = "local, 2 at once"
    axes.barh(names, [row["windows/s"] for row in rows], color="#2b6cb0")
    axes.invert_yaxis()
    axes.set_xlabel("windows per second; each executor pinned to one core")
    figure.savefig(path, dpi=120)


def _measure(prepared: Path, folder: Path, mode: Mode, executors: int, epochs: int) -> dict[str, Any]:
    request = request_for([prepared], mode, workers=executors, epochs=epochs, windows_per_epoch=WINDOWS_PER_EPOCH)
    watch = _EpochWatch(RunFolder(folder.resolve()))
    watch.start()
    finished = run_training(request, RunOptions(folder=folder, pinned=True), Console(stderr=True, soft_wrap=True))
    watch.join()
    first, last = watch.first, epoch_ends(finished.folder)[-1]
    seconds = last.seconds - first.seconds
    return {
        "mode": mode.value,
        "executors": executors,
        "windows/s": (last.windows - first.windows) / seconds,
        **{f"{part} CPU s/s": used / seconds for part, used in watch.processor_time(finished).items()},
    }


class _EpochWatch(Thread):
    """Measures processor time from the end of the first epoch to the end of the last."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._processors = ProcessorWatch()
        self.first: Progress

    def run(self) -> None:
        self.first = self._await_epoch(1)
        self._processors.start()
        self._await_epoch(self.first.epochs)
        self._processors.end()

    def processor_time(self, finished: FinishedRun) -> dict[str, float]:
        """Return the processor time by part, s."""
        return self._processors.by_part({report.pid: report.name for report in finished.folder.worker_reports()})

    def _await_epoch(self, epoch: int) -> Progress:
        pause = Event()  # poll, as the training processes write files and send no signal
        while True:
            for where in self._folder.progress():
                if where.epoch == epoch and where.step == where.steps:
                    return where
            pause.wait(0.2)
