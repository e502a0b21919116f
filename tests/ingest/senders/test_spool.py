"""Recordings are kept in temporary files: complete, in order, and in memory that does not grow with them."""

import tracemalloc
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from har.batching import SessionName, batches_of_recording
from har.binary_samples import encode_batch
from ingest.senders import spool as module
from ingest.senders.spool import Spool, SpoolError
from recording_files.table import Part, make_part

SHIFT = 10**15


def part(times_us, *, user="u", session="s", label="walk", z=9.8) -> Part:
    count = len(times_us)
    columns = {"user": [user] * count, "device": ["d"] * count, "model": ["m"] * count, "session": [session] * count}
    columns |= {"t": np.asarray(times_us, np.int64), "x": np.arange(count, dtype=np.float32), "y": np.zeros(count)}
    return make_part(pa.table({**columns, "z": np.full(count, z), "gt": [label] * count}), Path("made.parquet"))


def test_recordings_that_lie_mixed_in_parts_are_separated(tmp_path):
    spool = Spool(tmp_path)
    for made in (part([0, 20_000]), part([5], user="v", label="sit"), part([40_000, 60_000], label="run")):
        spool.add(made)
    first, second = spool.recordings()
    assert (first.key.user, second.key.user) == ("u", "v")
    assert first.times.tolist() == [0, 20_000, 40_000, 60_000]
    assert first.axes[:, 0].tolist() == [0, 1, 0, 1]
    assert first.labels(1, 4).tolist() == ["walk", "run", "run"]
    assert (first.first_us, first.last_us, len(second), second.labels(0, 1).tolist()) == (0, 60_000, 1, ["sit"])


def test_small_disorder_stays_and_large_is_sorted(tmp_path):
    little, much = [0, 2_000_000, 10_000, 2_020_000], [4_000_000, 3_000_000, 0, 10_000]
    spool = Spool(tmp_path)
    for begin in (0, 2):  # the disorder is between two parts, too
        spool.add(part(little[begin : begin + 2], session="little"))
        spool.add(part(much[begin : begin + 2], session="much"))
    kept, ordered = spool.recordings()
    assert kept.times.tolist() == little
    assert ordered.times.tolist() == sorted(much)
    assert ordered.axes[:, 0].tolist() == [0, 1, 1, 0]
    assert [key.session for key in spool.unordered()] == ["much"]


def test_only_wanted_recordings_and_finite_readings_are_kept(tmp_path):
    spool = Spool(tmp_path, users=["u"], most=2)
    for made in (
        part([0], user="v"),
        part([0]),
        part([0], session="2"),
        part([0], session="3"),
        part([20_000], z=np.inf),
    ):
        spool.add(made)
    assert [(found.key.session, len(found)) for found in spool.recordings()] == [("s", 1), ("2", 1)]
    assert spool.seen_users == {"u", "v"}
    assert spool.not_finite == 1


def test_files_that_cannot_be_written_are_told_with_what_to_do(tmp_path):
    spool = Spool(tmp_path / "none")
    with pytest.raises(SpoolError, match=r"No such file or directory. Set TMPDIR to a folder with room"):
        spool.add(part([0]))


def test_batches_of_a_recording_are_those_of_its_arrays_also_when_its_file_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_COPIED", 100)
    random = np.random.default_rng(1)
    times = np.arange(3_000) * 20_000 + random.integers(-100_000, 100_000, 3_000)
    for jump in (0, 3_000_000):
        times[7] -= jump
        spool = Spool(tmp_path / str(jump))
        spool.folder.mkdir()
        for begin in range(0, len(times), 999):
            spool.add(part(times[begin : begin + 999]))
        (recording,) = spool.recordings()
        for path in spool.folder.iterdir():
            path.unlink()
        name, expected = SessionName("d", "s"), np.sort(times, kind="stable") if jump else times
        batches = batches_of_recording(name, recording.times, recording.axes, 50, shift_us=SHIFT)
        for batch, other in zip(
            batches, batches_of_recording(name, expected + SHIFT, np.array(recording.axes), 50), strict=True
        ):
            assert encode_batch(batch) == encode_batch(other)


def test_memory_does_not_grow_with_the_recording(tmp_path):
    spool, rows = Spool(tmp_path), 20_000
    tracemalloc.start()
    try:
        for number in range(60):  # 1.2 million readings: 29 MB
            spool.add(part(np.arange(number * rows, (number + 1) * rows) * 20_000))
        (recording,) = spool.recordings()
        batches = batches_of_recording(SessionName("d", "s"), recording.times, recording.axes, 50, shift_us=SHIFT)
        assert sum(len(batch) for batch in islice(batches, 10_000)) == 500_000
        assert recording.labels(0, 3).tolist() == ["walk"] * 3
        assert tracemalloc.get_traced_memory()[1] < 12e6
    finally:
        tracemalloc.stop()
