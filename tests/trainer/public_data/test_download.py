"""Downloads from a real HTTP server that interrupts connections, ignores ranges, or is unavailable."""

import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.public_data.file_server import FileServer, serving
from trainer.public_data.download import DownloadError, DownloadPatience, download

CONTENT = np.random.default_rng(0).bytes(3_000_000)
QUICK = DownloadPatience(silence_seconds=5, attempts=3, pause_seconds=0)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as running:
        yield running


def leftovers(target: Path) -> list[str]:
    return sorted(file.name for file in target.parent.iterdir() if file != target)


def test_file_is_complete_and_progress_is_reported(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "data.zip"
    seen: list[tuple[int, int | None]] = []
    download(server.url, target, patience=QUICK, progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert leftovers(target) == []
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_interrupted_connection_is_resumed(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 500_000]
    target = tmp_path / "data.zip"
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert server.asked == ["", "bytes=1000000-", "bytes=1500000-"]


def test_next_run_resumes_a_failed_download(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 0, 0, 0]
    target = tmp_path / "data.zip"
    with pytest.raises(DownloadError, match=r"1,000,000 bytes are kept in .*data\.zip\.part") as failure:
        download(server.url, target, patience=QUICK)
    assert "same command resumes from there" in str(failure.value)
    assert not target.exists()
    server.cuts = []
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=1000000-"


def test_changed_file_is_downloaded_again(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 0, 0, 0]
    target = tmp_path / "data.zip"
    with pytest.raises(DownloadError):
        download(server.url, target, patience=QUICK)
    server.content, server.etag, server.cuts = CONTENT[::-1], '"second"', []
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT[::-1]


def test_changed_file_without_disk_space_is_not_joined_to_the_old_part(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 0, 0, 0]
    target = tmp_path / "data.zip"
    with pytest.raises(DownloadError):
        download(server.url, target, patience=QUICK)
    server.content, server.etag, server.cuts, server.stated_length = CONTENT[::-1], '"second"', [], 10**18
    with pytest.raises(DownloadError, match=r"needs 1,000,000,000,000,000,000 bytes, but .* has .* left"):
        download(server.url, target, patience=QUICK)
    server.stated_length = None
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT[::-1]


def test_part_from_another_url_is_not_resumed(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 0, 0, 0]
    target = tmp_path / "data.zip"
    with pytest.raises(DownloadError):
        download(server.url, target, patience=QUICK)
    with serving(CONTENT[::-1]) as other:
        download(other.url, target, patience=QUICK)
        assert other.asked == [""]
    assert target.read_bytes() == CONTENT[::-1]


def test_server_without_ranges_sends_the_whole_file_again(server: FileServer, tmp_path: Path) -> None:
    server.ranges = False
    server.cuts = [1_000_000]
    target = tmp_path / "data.zip"
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_complete_part_becomes_the_file(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 0, 0, 0]
    target = tmp_path / "data.zip"
    with pytest.raises(DownloadError):
        download(server.url, target, patience=QUICK)
    (tmp_path / "data.zip.part").write_bytes(CONTENT)  # as if the process was killed before the renaming
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert leftovers(target) == []


def test_part_longer_than_the_file_is_downloaded_again(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 0, 0, 0]
    target = tmp_path / "data.zip"
    with pytest.raises(DownloadError):
        download(server.url, target, patience=QUICK)
    (tmp_path / "data.zip.part").write_bytes(CONTENT * 2)
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_server_that_sends_too_little_is_an_error(server: FileServer, tmp_path: Path) -> None:
    server.stated_length = len(CONTENT) + 1
    server.ranges = False
    with pytest.raises(DownloadError, match="3,000,000 of 3,000,001 bytes"):
        download(server.url, tmp_path / "data.zip", patience=QUICK)
    assert not (tmp_path / "data.zip").exists()


def test_busy_server_is_retried_and_missing_file_is_not(server: FileServer, tmp_path: Path) -> None:
    server.rejections = [503, 429]
    download(server.url, tmp_path / "data.zip", patience=QUICK)
    assert (tmp_path / "data.zip").read_bytes() == CONTENT
    server.rejections, server.asked = [404], []
    with pytest.raises(DownloadError, match=r"404 .*is the URL right\?"):
        download(server.url, tmp_path / "other.zip", patience=QUICK)
    assert len(server.asked) == 1


def test_unreachable_server_is_reported_with_a_remedy(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/data.zip"
        with pytest.raises(DownloadError, match="Connection refused") as failure:
            download(url, tmp_path / "data.zip", patience=QUICK)
    assert "Is this machine online" in str(failure.value)
    assert f"copy it to {tmp_path / 'data.zip'}." in str(failure.value)
    with pytest.raises(DownloadError, match="cannot download"):
        download("http://nowhere.invalid/data.zip", tmp_path / "data.zip", patience=QUICK)


def test_silent_server_times_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/data.zip"
        with pytest.raises(DownloadError, match="timed out"):
            download(url, tmp_path / "data.zip", patience=DownloadPatience(0.1, attempts=2, pause_seconds=0))


def test_full_disk_is_reported_and_the_next_run_resumes(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "data.zip"
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, usual[1]))  # no file may grow further
    try:
        with pytest.raises(DownloadError, match=r"cannot write .*data\.zip\.part \(File too large\)"):
            download(server.url, target, patience=QUICK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert server.asked == ["", "bytes=1500000-"]


def test_other_url_schemes_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="not an http or https URL"):
        download((tmp_path / "x").as_uri(), tmp_path / "data.zip")
