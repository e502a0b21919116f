"""What somebody sees who waits for a training: epoch, loss, accuracy, windows a second, time left.

The training processes may be anywhere; what they tell is read from the run's folder.
"""

from __future__ import annotations

from threading import Event, Thread
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from trainer.runs.folder import Progress as Where
from trainer.runs.folder import RunFolder

LOOK_SECONDS = 0.5


class LiveProgress:
    """Show a run's progress while a block runs; where no terminal is, a line an epoch.

    Parameters
    ----------
    folder : RunFolder
        The run.
    console : Console
        Where it is shown.
    """

    def __init__(self, folder: RunFolder, console: Console) -> None:
        self._folder = folder
        self._console = console
        self._shown_to = folder.progress_after(0)[1]  # the byte; before it is what an earlier attempt wrote
        self._epoch_end: Where | None = None
        self._over = Event()
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
        """Begin to show."""
        self._bar.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the last of it, and end."""
        del kind, error, trace
        self._over.set()
        self._thread.join()
        self._show_new()
        self._bar.stop()

    def _follow(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._show_new()

    def _show_new(self) -> None:
        lines, self._shown_to = self._folder.progress_after(self._shown_to)
        for where in lines:
            figures = _figures(where, self._epoch_end)
            self._bar.update(
                self._task,
                description=f"epoch {where.epoch}/{where.epochs}",
                total=1.0,
                completed=where.done,
                figures=figures,
            )
            if where.step == where.steps:
                self._epoch_end = where
                self._console.print(f"epoch {where.epoch:>3}/{where.epochs}  {figures}", highlight=False)


def _figures(where: Where, epoch_end: Where | None) -> str:
    """Return loss and accuracy so far, and the speed since the last epoch's end or the beginning."""
    windows, seconds = where.windows, where.seconds
    if epoch_end is not None and epoch_end.seconds < where.seconds:
        windows, seconds = windows - epoch_end.windows, seconds - epoch_end.seconds
    speed = windows / seconds if seconds else 0.0
    return f"loss {where.loss:.3f}  accuracy {where.accuracy:.3f}  {speed:,.0f} windows/s"
