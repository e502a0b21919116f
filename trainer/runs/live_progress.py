"""Live progress on the terminal: epoch, loss, accuracy, windows per second, and remaining time.

The training processes may run on other machines. Their progress is read from the run folder.
"""

from __future__ import annotations

from threading import Event, Thread
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from trainer.run_folder import Progress as TrainingProgress
from trainer.run_folder import RunFolder

#: Interval of reading the metrics, s.
POLL_SECONDS = 0.5


class LiveProgress:
    """Shows a run's progress for the duration of a block; without a terminal, one line per epoch.

    Parameters
    ----------
    folder : RunFolder
        Folder of the run.
    console : Console
        Console to print to.
    """

    def __init__(self, folder: RunFolder, console: Console) -> None:
        self._folder = folder
        self._console = console
        self._offset = folder.progress_after(0)[1]  # bytes; skips the metrics of earlier attempts
        self._epoch_end: TrainingProgress | None = None
        self._stop = Event()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("starting", total=None, figures="")
        self._thread = Thread(target=self._follow, name="live-progress", daemon=True)

    def __enter__(self) -> Self:
        """Start showing progress."""
        self._bar.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the remaining progress, and stop."""
        del kind, error, trace
        self._stop.set()
        self._thread.join()
        self._show_new()
        self._bar.stop()

    def _follow(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self._show_new()

    def _show_new(self) -> None:
        lines, self._offset = self._folder.progress_after(self._offset)
        for progress in lines:
            figures = _figures(progress, self._epoch_end)
            self._bar.update(
                self._task,
                description=f"epoch {progress.epoch}/{progress.epochs}",
                total=1.0,
                completed=progress.done,
                figures=figures,
            )
            if progress.step == progress.steps:
                self._epoch_end = progress
                self._console.print(f"epoch {progress.epoch:>3}/{progress.epochs}  {figures}", highlight=False)


def _figures(progress: TrainingProgress, epoch_end: TrainingProgress | None) -> str:
    """Return loss and accuracy so far, and the speed since the end of the last epoch or the start."""
    windows, seconds = progress.windows, progress.seconds
    if epoch_end is not None and epoch_end.seconds < progress.seconds:
        windows, seconds = windows - epoch_end.windows, seconds - epoch_end.seconds
    speed = windows / seconds if seconds else 0.0
    return f"loss {progress.loss:.3f}  accuracy {progress.accuracy:.3f}  {speed:,.0f} windows/s"
