"""`har train` as a process of its own, as people run it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

TINY = (
    "--classes", "sit", "--classes", "walk", "--epochs", "3", "--windows-per-epoch", "1024", "--batch", "32",
    "--peak-rate", "0.01", "--threads", "1", "--shards", "4",
)  # fmt: skip


def start_har(*words: object, limit: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    """Start a command; `limit` runs in its process first."""
    return subprocess.Popen(
        [sys.executable, "-m", "deploy", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        preexec_fn=limit,  # noqa: PLW1509 - no other thread of the tests holds a lock then
    )


def har(*words: object, limit: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    process = start_har(*words, limit=limit)
    try:
        output, errors = process.communicate(timeout=280)
    except subprocess.TimeoutExpired:
        process.terminate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def train(data: Path, output: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Train a tiny network."""
    return har("train", "--data", data, "--output", output, *TINY, *words)
