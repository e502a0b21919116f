"""Run `har train` in a separate process, as people do, or in the process of the tests, which saves the start-up."""

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from deploy.cli import main

SMALL = (
    "--classes", "sit", "--classes", "walk", "--epochs", "3", "--windows-per-epoch", "512", "--batch", "32",
    "--peak-rate", "0.01", "--threads", "1", "--shards", "4",
)  # fmt: skip
#: Options for the network of `tests.trainer.tiny_network`, which the process must register first.
TINY = (*SMALL, "--network", "tiny")
#: Time limit of a command, s. Training takes about a minute, on a busy machine several.
LONGEST_SECONDS = 840
_ROOT = Path(__file__).parents[2]


def start_har(
    *words: object, limit: Callable[[], None] | None = None, program: str | None = None
) -> subprocess.Popen[str]:
    """Start a command. `limit` runs in the process first; `program` is Python code to run instead of `har`."""
    runs = ["-m", "deploy"] if program is None else ["-c", program]
    return subprocess.Popen(
        [sys.executable, *runs, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        preexec_fn=limit,  # noqa: PLW1509 - no other thread of the tests holds a lock
    )


def har(
    *words: object, limit: Callable[[], None] | None = None, program: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a separate process, and wait for it; the options are those of `start_har`."""
    process = start_har(*words, limit=limit, program=program)
    try:
        output, errors = process.communicate(timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        process.terminate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def har_here(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a command in this process."""
    arguments = list(map(str, words))
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        with (
            _written_to({1: output, 2: errors}),
            open(
                1, "w", buffering=1, closefd=False
            ) as stdout,  # as in a separate process, since `har train` redirects descriptor 2
            open(2, "w", buffering=1, closefd=False) as stderr,
            redirect_stdout(stdout),
            redirect_stderr(stderr),
            warnings.catch_warnings(),
        ):
            # tf2onnx and tf-keras use deprecated functions of numpy and protobuf.
            for category in (DeprecationWarning, FutureWarning, UserWarning):
                warnings.simplefilter("ignore", category)
            status = main(arguments)
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read())
    return subprocess.CompletedProcess(arguments, status, *texts)


@contextmanager
def _written_to(files: dict[int, IO[str]]) -> Iterator[None]:
    """Redirect file descriptors to files."""
    before = {number: os.dup(number) for number in files}
    for number, file in files.items():
        os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        for number, real in before.items():
            os.dup2(real, number)
            os.close(real)


def train(data: Path, output: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Train a network of `trainer.fitting.networks` briefly, in a separate process."""
    return har("train", "--data", data, "--output", output, *SMALL, *words)


def train_here(data: Path, output: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Train the tiny network in this process."""
    return har_here("train", "--data", data, "--output", output, *TINY, *words)
