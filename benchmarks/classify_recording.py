"""Measure `har classify` on recordings of an hour and of a day: CPU time, peak memory, and the time of one core.

    python -m benchmarks.classify_recording [--hours 1 24] [--rate-hz 50]

A recording of a person who walks, stands and rests is written as CSV, as a phone's app would. `har classify` then runs
in a process of its own on one core, and writes a table. The CPU time includes Python's start and both passes over the
file. On a busy machine only the CPU time is to be trusted.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

SECOND_MS = 1_000
#: 2026-05-01, 12:00 UTC, ms.
BEGIN_MS = 1_777_636_800_000
#: How long each of the three kinds of movement lasts, s.
BOUT_S = 300
#: Amplitudes of the movement, m/s².
KINDS = (3.0, 0.3, 0.02)


class Cost(NamedTuple):
    """What a call cost."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    windows: int


def write_recording(path: Path, hours: float, rate_hz: int) -> None:
    """Write the recording, an hour at a time."""
    rng = np.random.default_rng(0)
    schema = pa.schema({"time": pa.int64()} | dict.fromkeys("xyz", pa.float64()))
    with pyarrow.csv.CSVWriter(path, schema) as writer:
        total = round(hours * 3_600 * rate_hz)
        for begin in range(0, total, 3_600 * rate_hz):
            numbers = np.arange(begin, min(total, begin + 3_600 * rate_hz))
            seconds = numbers / rate_hz
            amplitude = np.array(KINDS)[(seconds // BOUT_S).astype(int) % len(KINDS)]
            phase = 2 * np.pi * 1.9 * seconds
            waves = [amplitude * np.sin(harmonic * phase + shift) for harmonic, shift in ((1, 0.0), (2, 0.7), (1, 2.1))]
            axes = [
                wave + rest + rng.normal(0, 0.05, len(numbers))
                for wave, rest in zip(waves, (0.4, 9.7, 0.9), strict=True)
            ]
            times = BEGIN_MS + numbers * SECOND_MS // rate_hz
            writer.write_table(pa.table([pa.array(times), *map(pa.array, np.round(axes, 4))], schema=schema))


def measure(recording: Path, folder: Path) -> Cost:
    """Run `har classify` on one core."""
    table = folder / "windows.csv"
    words = [sys.executable, "-m", "deploy", "classify", str(recording), "-o", str(table), "--quiet"]
    began = time.perf_counter()
    child = os.fork()
    if not child:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.execv(sys.executable, words)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - began
    if status:
        raise SystemExit("har classify failed")
    with table.open() as rows:
        windows = sum(1 for _ in rows) - 1
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1_024 / 1e6, windows)


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 24])
    parser.add_argument("--rate-hz", type=int, default=50)
    return parser


def main() -> None:
    """Measure each length and print a table."""
    stated = argument_parser().parse_args()
    print("   hours   windows   CPU, s   wall, s   peak memory, MB")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for hours in stated.hours:
            recording = folder / "recording.csv"
            write_recording(recording, hours, stated.rate_hz)
            cost = measure(recording, folder)
            print(f"{hours:8g} {cost.windows:9,} {cost.cpu_s:8.1f} {cost.wall_s:9.1f} {cost.peak_mb:17.0f}", flush=True)


if __name__ == "__main__":
    main()
