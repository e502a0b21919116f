"""The progress that `har train` prints during training."""

from io import StringIO

from rich.console import Console

from trainer.run_folder import Progress, RunFolder
from trainer.runs.live_progress import LiveProgress


def progress_at(epoch, step, windows, seconds):
    return Progress(
        epoch=epoch, epochs=2, step=step, steps=10, loss=0.5, accuracy=0.75, rate=1e-3, windows=windows, seconds=seconds
    )


def test_metrics_are_not_read_twice(tmp_path):
    folder, terminal = RunFolder(tmp_path), StringIO()
    folder.append(progress_at(1, 10, 1000, 5.0))
    with LiveProgress(folder, Console(file=terminal, width=120)):
        size = folder.metrics.stat().st_size
        with folder.metrics.open("r+b") as file:
            file.write(b"x" * (size - 1))  # reading it again would fail
        folder.append(progress_at(2, 10, 2000, 10.0))

    assert terminal.getvalue().splitlines() == ["epoch   2/2  loss 0.500  accuracy 0.750  200 windows/s"]


def test_an_epoch_line_shows_the_speed_over_the_whole_epoch(tmp_path):
    folder, terminal = RunFolder(tmp_path), StringIO()
    with LiveProgress(folder, Console(file=terminal, width=120)):
        for line in (
            progress_at(1, 5, 500, 5.0),
            progress_at(1, 10, 1000, 5.1),  # the workers' steps were counted together
            progress_at(2, 9, 1900, 10.0),
            progress_at(2, 10, 3000, 15.1),
        ):
            folder.append(line)

    assert terminal.getvalue().splitlines() == [
        "epoch   1/2  loss 0.500  accuracy 0.750  196 windows/s",
        "epoch   2/2  loss 0.500  accuracy 0.750  200 windows/s",
    ]
