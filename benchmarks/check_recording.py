"""Measure how long the check of recordings takes, and how its memory grows with their length.

    python -m benchmarks.check_recording

Each case runs in a process of its own. The readings are made part by part as they would be read, and only the
check's own time is counted: of one session of 24 h and of 96 h at 50 Hz, and of 24 h as sessions of 1,000 readings.
"""

import multiprocessing
import resource
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from recording_files.checking import DataSetCheck
from recording_files.table import PART_ROWS, SCHEMA, Part, constant_texts

RATE_HZ = 50


def make_part(first: int, rows: int, session_rows: int) -> Part:
    """Return readings of a person who walks and stands still in turn."""
    number = np.arange(first, first + rows)
    seconds = number / RATE_HZ
    noise = np.random.default_rng(first).normal(0, 0.1, (rows, 3)).astype(np.float32)
    noise[:, 2] += 9.8 + 2 * np.sin(seconds * 12) * (seconds % 120 < 60)
    texts = {name: constant_texts(name, rows) for name in ("user", "device", "model", "gt")}
    sessions = pa.array((number // session_rows).astype(str)).dictionary_encode()
    numbers = {"t": (seconds * 1e6).astype(np.int64), **{axis: noise[:, place] for place, axis in enumerate("xyz")}}
    columns = {**texts, "session": sessions, **numbers}
    return Part(pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA), Path("made.csv"), first)


def measure(hours: float, session_rows: int) -> tuple[int, float, float]:
    """Return the number of readings, the check's CPU time, s, and the process's largest memory, MB."""
    rows, check, spent = int(hours * 3600 * RATE_HZ), DataSetCheck(), 0.0
    for first in range(0, rows, PART_ROWS):
        part = make_part(first, min(PART_ROWS, rows - first), session_rows)
        before = time.process_time()
        check.add(part)
        spent += time.process_time() - before
    before = time.process_time()
    check.findings()
    spent += time.process_time() - before
    return rows, spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure each case in a process of its own, and print a line about it."""
    context = multiprocessing.get_context("spawn")
    for length, session_rows in ((24, 1 << 40), (96, 1 << 40), (24, 1_000)):
        with context.Pool(1) as pool:
            rows, seconds, megabytes = pool.apply(measure, (length, session_rows))
        sessions = -(-rows // session_rows)
        print(
            f"{length:g} h, {rows:,} readings, {sessions:,} session(s): {seconds:.2f} s CPU, "
            f"{rows / seconds / 1e6:.1f} million readings/s, largest memory {megabytes:.0f} MB"
        )


if __name__ == "__main__":
    main()
