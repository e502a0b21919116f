"""What every training process does first: say who it is, keep what it prints, keep to its core."""

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
from trainer.runs.folder import RunFolder, WorkerReport

_NICEST = 19


def keep_output(folder: Path, name: str) -> None:
    """Write what this process prints, TensorFlow's C++ too, into the run's logs instead."""
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def keep_to_core(number: int) -> None:
    """Hold this process to one of its machine's cores, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def stand_back() -> None:
    """Let any other process go first that shares this one's cores.

    All workers wait for the parameter server, many times a step. Only a process that the system runs when nothing else
    wants to is preempted at once; a merely nicer one keeps its core for the rest of its time slice.
    """
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(_NICEST)


def report(job: TrainingJob, name: str, executor: int, share: WorkerWindows | None) -> None:
    """Write who this process is and what it reads."""
    windows: Counter[str] = Counter()
    if share is not None:
        counts = np.bincount(share.windows.labels, minlength=len(job.request.classes))
        windows.update(dict(zip(job.request.classes, counts.tolist(), strict=True)))
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
