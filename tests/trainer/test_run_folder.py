"""The run folder: its lock and its small files."""

import logging
import subprocess
import sys

import pytest

from har.process.whole_files import part_of
from trainer.run_folder import FolderInUseError, Progress, RunFolder, WorkerReport, lock_folder

HOLD = """
import sys, time
from pathlib import Path
from trainer.run_folder import lock_folder

with lock_folder(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def report_of(name):
    return WorkerReport(name=name, executor=0, host="here", pid=1, shards=[], windows={}, devices=[])


def progress_at(step):
    return Progress(epoch=1, epochs=1, step=step, steps=9, loss=1.0, accuracy=0.5, rate=1e-3, windows=1, seconds=1.0)


def test_a_folder_is_locked_until_its_process_ends_in_whatever_way(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    with other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(FolderInUseError, match=f"{tmp_path} is in use by another har train"), lock_folder(tmp_path):
            pass
        other.kill()
    with lock_folder(tmp_path):
        pass


def test_a_child_process_does_not_keep_the_lock(tmp_path):
    with lock_folder(tmp_path):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with lock_folder(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()


def test_an_unreadable_report_is_skipped_with_a_warning(tmp_path, caplog):
    folder = RunFolder(tmp_path)
    folder.report(report_of("worker-1"))
    (folder.reports / "worker-0.json").write_bytes(b"")

    with caplog.at_level(logging.WARNING):
        found = folder.worker_reports()

    assert found == [report_of("worker-1")]
    assert f"skipped the unreadable report {folder.reports / 'worker-0.json'}" in caplog.text


def test_a_report_that_cannot_be_written_leaves_no_file(tmp_path):
    folder = RunFolder(tmp_path)
    folder.reports.mkdir()
    part_of(folder.reports / "worker-0.json").mkdir()  # makes writing the temporary file fail

    with pytest.raises(OSError, match="worker-0"):
        folder.report(report_of("worker-0"))

    assert folder.worker_reports() == []
    assert not (folder.reports / "worker-0.json").exists()


def test_metrics_are_read_from_an_offset(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.progress_after(0) == ([], 0)
    folder.append(progress_at(1))
    with folder.metrics.open("ab") as file:
        file.write(b'{"epoch": 1, "ep')

    first, end = folder.progress_after(0)
    folder.append(progress_at(2))  # replaces the incomplete line
    second, after = folder.progress_after(end)

    assert (first, second) == ([progress_at(1)], [progress_at(2)])
    assert after == folder.metrics.stat().st_size
    assert list(folder.progress()) == first + second
