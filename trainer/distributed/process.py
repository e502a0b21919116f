"""Set up a training process: redirect its output, pin it to a core, lower its priority, and write its report."""

from __future__ import annotations

import os
import socket
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import tensorflow as tf

from trainer.distributed.job import TrainingJob
from trainer.distributed.worker_windows import WorkerWindows
from trainer.run_folder import RunFolder, WorkerReport


def keep_output(folder: Path, name: str) -> None:
    """Redirect the output of this process, including TensorFlow's C++ output, to a file of the run's logs."""
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def pin_to_core(number: int) -> None:
    """Pin this process to one core of its machine, if the system supports it."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def report(job: TrainingJob, name: str, executor: int, share: WorkerWindows | None) -> None:
    """Write the report of this process: its identity, shards and windows."""
    windows: Counter[str] = Counter()
    if share is not None:
        counts = np.bincount(share.windows.labels, minlength=len(job.request.outputs))
        windows.update(dict(zip(job.request.outputs, counts.tolist(), strict=True)))
    RunFolder(job.run).report(
        WorkerReport(
            name=name,
            executor=executor,
            host=socket.gethostname(),
            pid=os.getpid(),
            shards=[shard.file for shard in share.shards] if share is not None else [],
            windows=dict(windows),
            devices=[device.device_type for device in tf.config.list_logical_devices()] if share is not None else [],
        )
    )
