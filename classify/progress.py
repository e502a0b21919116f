"""Show on a terminal how far a long command is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

#: Takes what is done now and how many readings of it are done; the number of all readings, if it is known.
Report = Callable[[str, int, int | None], None]


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Report]:
    """Show a bar on standard error while the context is open, if that is a terminal; it vanishes at the end."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[readings]}"),
        TimeRemainingColumn(),
    )
    hidden = quiet or not console.is_terminal
    # What is printed to standard output is a table or a summary, which no terminal may change.
    with Progress(*columns, console=console, disable=hidden, transient=True, redirect_stdout=False) as progress:
        bar = progress.add_task("", total=None, readings="")

        def report(doing: str, done: int, total: int | None) -> None:
            progress.update(bar, description=doing, completed=done, total=total, readings=f"{done:,} readings")

        yield report
