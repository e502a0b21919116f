"""`har train`: as a process of its own, as people run it, or in the tests' process, where it costs no start."""

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
#: With the network of `tests.trainer.tiny_network`, which this process must be let know.
TINY = (*SMALL, "--network", "tiny")
#: A training takes about a minute; on a machine that has more to do, several.
LONGEST_SECONDS = 840
_ROOT = Path(__file__).parents[2]


def start_har(
    *words: object, limit: Callable[[], None] | None = None, program: str | None = None
) -> subprocess.Popen[str]:
    """Start a command; `limit` runs in its process first; `program` is what runs instead of `har`, with its words."""
    runs = ["-m", "deploy"] if program is None else ["-c", program]
    return subprocess.Popen(
        [sys.executable, *runs, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        preexec_fn=limit,  # noqa: PLW1509 - no other thread of the tests holds a lock then
    )


def har(*words: object, limit: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, to its end."""
    process = start_har(*words, limit=limit)
    try:
        output, errors = process.communicate(timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        process.terminate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def har_here(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, to its end."""
    arguments = list(map(str, words))
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        with (
            _written_to({1: output, 2: errors}),
            open(1, "w", buffering=1, closefd=False) as stdout,  # as in a process: `har train` moves descriptor 2
            open(2, "w", buffering=1, closefd=False) as stderr,
            redirect_stdout(stdout),
            redirect_stderr(stderr),
            warnings.catch_warnings(),
        ):
            # tf2onnx and tf-keras call what numpy and protobuf have deprecated.
            for category in (DeprecationWarning, FutureWarning, UserWarning):
                warnings.simplefilter("ignore", category)
            status = main(arguments)
        said = []
        for file in (output, errors):
            file.seek(0)
            said.append(file.read())
    return subprocess.CompletedProcess(arguments, status, *said)


@contextmanager
def _written_to(files: dict[int, IO[str]]) -> Iterator[None]:
    """Let what is written to descriptors go to files instead."""
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
    """Train a network of `trainer.fitting.networks` for a moment, in a process of its own."""
    return har("train", "--data", data, "--output", output, *SMALL, *words)


def train_here(data: Path, output: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Train the tiny network in this process."""
    return har_here("train", "--data", data, "--output", output, *TINY, *words)
