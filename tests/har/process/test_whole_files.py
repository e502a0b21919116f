"""Atomic file writing."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from har.process.whole_files import part_of, write_whole


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_whole(tmp_path, durable):
    path = tmp_path / "report.html"
    for content in (b"first", b"second, longer"):
        write_whole(path, content, durable=durable)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_existing_file(tmp_path):
    path = tmp_path / "report.html"
    write_whole(path, b"first")
    writing = (
        "import sys; from pathlib import Path; from har.process.whole_files import write_whole;"
        "write_whole(Path(sys.argv[1]), bytes(100_000))"
    )

    result = subprocess.run(
        [sys.executable, "-B", "-c", writing, str(path)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )

    assert "OSError" in result.stderr
    assert path.read_bytes() == b"first"
    assert not part_of(path).exists()


@pytest.mark.parametrize("name", [".", "/"])
def test_a_folder_without_a_name_is_an_ordinary_error(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match=r"busy|directory|denied"):
        write_whole(Path(name), b"content")
    assert list(tmp_path.iterdir()) == []
