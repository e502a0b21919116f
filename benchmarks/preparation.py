"""Measure time and memory of preparing a data set of HHAR's size on Spark, and check the result.

    python -m benchmarks.preparation [--rows 13000000]

Simulated phones write the table. Spark prepares it on two executors of one core each, while the memory of all its
processes is measured. Then one process prepares it again, and all pieces of signal are compared bit for bit.
"""

import argparse
import hashlib
import tempfile
import threading
from pathlib import Path
from time import perf_counter

import psutil

from benchmarks.large_table import write_table
from recording_files import find_source
from recording_files.loading import load_recordings
from trainer.distributed.spark_session import local_cluster, spark_session
from trainer.preparation.in_process import prepare_in_process
from trainer.preparation.on_spark import prepare_on_spark
from trainer.preparation.plan import SPLITS, TRAIN
from trainer.preparation.shards import PreparedIndex, read_index, read_shards
from trainer.request import TrainRequest

EXECUTORS = 2
#: As many as HHAR has.
ROWS = 13_000_000


class MemoryWatch(threading.Thread):
    """Measures the peak memory of this process and its descendants, as proportional set size, bytes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(2.0):
            self.most = max(self.most, self._now())

    def end(self) -> int:
        self._ended.set()
        self.join()
        return self.most

    def _now(self) -> int:
        mine = psutil.Process()
        held = 0
        for process in (mine, *mine.children(recursive=True)):
            try:
                held += process.memory_full_info().pss
            except psutil.Error:
                continue  # it has ended
        return held


def fingerprints(folder: Path, index: PreparedIndex) -> set[str]:
    """Return the hashes of all pieces of all splits, each over the piece's signal and metadata."""
    found = set()
    for split in SPLITS:
        for shard in index.of(split):
            for piece in read_shards(folder, [shard]):
                header = (
                    f"{split} {shard.number} {piece.person} {piece.model} {piece.session} {piece.label} {piece.first}"
                )
                found.add(hashlib.sha256(header.encode() + piece.grid.tobytes()).hexdigest())
    return found


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the table")
    return parser


def main() -> None:
    rows = argument_parser().parse_args().rows
    plan = TrainRequest().preparation
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "Phones_accelerometer.csv"
        began = perf_counter()
        write_table(file, rows)
        print(f"wrote {rows} rows, {file.stat().st_size / 1e6:.0f} MB, in {perf_counter() - began:.0f} s", flush=True)
        watch = MemoryWatch()
        watch.start()
        began = perf_counter()
        with spark_session("preparation", local_cluster(EXECUTORS), EXECUTORS) as spark:
            prepare_on_spark(spark, [find_source(file)], plan, folder / "spark", EXECUTORS)
        seconds = perf_counter() - began
        print(f"Spark, {EXECUTORS} executors: {seconds:.0f} s, at most {watch.end() / 1e9:.2f} GB in total", flush=True)
        began = perf_counter()
        prepare_in_process({file.name: load_recordings([file])}, plan, folder / "one")
        print(f"one process: {perf_counter() - began:.0f} s", flush=True)
        here, there = read_index(folder / "one"), read_index(folder / "spark")
        same = fingerprints(folder / "one", here) == fingerprints(folder / "spark", there)
        windows = sum(sum(labels.values()) for labels in there.windows(TRAIN).values())
        print(f"{windows} training windows; all pieces equal: {same}")


if __name__ == "__main__":
    main()
