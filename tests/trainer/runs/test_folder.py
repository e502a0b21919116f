"""The folder of a run: who may write into it, and its small files."""

import logging
import subprocess
import sys

import pytest

from har.process.whole_files import part_of
from trainer.runs.folder import FolderInUseError, Progress, RunFolder, WorkerReport, held

HOLD = """
import sys, time
from pathlib import Path
from trainer.runs.folder import held

with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def reported(name):
    return WorkerReport(name=name, executor=0, host="here", pid=1, shards=[], windows={}, devices=[])


def progressed(step):
    return Progress(epoch=1, epochs=1, step=step, steps=9, loss=1.0, accuracy=0.5, rate=1e-3, windows=1, seconds=1.0)


def test_a_folder_is_held_by_one_process_until_it_ends_however_it_does(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    with other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(FolderInUseError, match=f"{tmp_path} is in use by another har train"), held(tmp_path):
            pass
        other.kill()
    with held(tmp_path):
        pass


def test_a_child_of_a_process_does_not_hold_its_folder(tmp_path):
    with held(tmp_path):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with held(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_report_that_was_cut_short_is_left_out_with_a_warning(tmp_path, caplog):
    folder = RunFolder(tmp_path)
    folder.report(reported("worker-1"))
    (folder.reports / "worker-0.json").write_bytes(b"")

    with caplog.at_level(logging.WARNING):
        found = folder.worker_reports()

    assert found == [reported("worker-1")]
    assert "worker-0.json is left out" in caplog.text


def test_a_report_that_cannot_be_written_leaves_none(tmp_path):
    folder = RunFolder(tmp_path)
    folder.reports.mkdir()
    part_of(folder.reports / "worker-0.json").mkdir()  # so that nothing can be written there first

    with pytest.raises(OSError, match="worker-0"):
        folder.report(reported("worker-0"))

    assert folder.worker_reports() == []
    assert not (folder.reports / "worker-0.json").exists()


def test_the_metrics_are_read_on_from_where_they_were_read_to(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.progress_after(0) == ([], 0)
    folder.append(progressed(1))
    with folder.metrics.open("ab") as file:
        file.write(b'{"epoch": 1, "ep')

    first, end = folder.progress_after(0)
    folder.append(progressed(2))  # it takes the half line's place
    second, after = folder.progress_after(end)

    assert (first, second) == ([progressed(1)], [progressed(2)])
    assert after == folder.metrics.stat().st_size
    assert list(folder.progress()) == first + second
