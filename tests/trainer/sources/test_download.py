"""Downloads from a real HTTP server that breaks off, forgets, lies or is away."""

import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.sources.file_server import FileServer, serving
from trainer.sources.download import DownloadError, DownloadPatience, download

CONTENT = np.random.default_rng(0).bytes(3_000_000)
QUICK = DownloadPatience(silence_seconds=5, attempts=3, pause_seconds=0)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as running:
        yield running


def leftovers(target: Path) -> list[str]:
    return sorted(file.name for file in target.parent.iterdir() if file != target)


def test_a_file_arrives_whole_and_its_progress_is_told(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "data.zip"
    seen: list[tuple[int, int | None]] = []
    download(server.url, target, patience=QUICK, progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert leftovers(target) == []
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_cut_connection_is_taken_up_where_it_broke(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 500_000]
    target = tmp_path / "data.zip"
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert server.asked == ["", "bytes=1000000-", "bytes=1500000-"]


def test_the_next_run_goes_on_where_the_last_one_gave_up(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 0, 0, 0]
    target = tmp_path / "data.zip"
    with pytest.raises(DownloadError, match=r"1,000,000 bytes are kept in .*data\.zip\.part") as failure:
        download(server.url, target, patience=QUICK)
    assert "same command goes on from there" in str(failure.value)
    assert not target.exists()
    server.cuts = []
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=1000000-"


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 0, 0, 0]
    target = tmp_path / "data.zip"
    with pytest.raises(DownloadError):
        download(server.url, target, patience=QUICK)
    server.content, server.etag, server.cuts = CONTENT[::-1], '"second"', []
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT[::-1]


def test_a_changed_file_that_has_no_room_is_not_joined_to_the_old_one(server: FileServer, tmp_path: Path) -> None:
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


def test_a_beginning_from_another_address_is_not_continued(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 0, 0, 0]
    target = tmp_path / "data.zip"
    with pytest.raises(DownloadError):
        download(server.url, target, patience=QUICK)
    with serving(CONTENT[::-1]) as other:
        download(other.url, target, patience=QUICK)
        assert other.asked == [""]
    assert target.read_bytes() == CONTENT[::-1]


def test_a_server_that_knows_no_ranges_sends_it_all_again(server: FileServer, tmp_path: Path) -> None:
    server.ranges = False
    server.cuts = [1_000_000]
    target = tmp_path / "data.zip"
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_whole_already_becomes_the_file(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 0, 0, 0]
    target = tmp_path / "data.zip"
    with pytest.raises(DownloadError):
        download(server.url, target, patience=QUICK)
    (tmp_path / "data.zip.part").write_bytes(CONTENT)  # as if it was killed before it could rename it
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert leftovers(target) == []


def test_a_part_that_is_longer_than_the_file_is_fetched_anew(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 0, 0, 0]
    target = tmp_path / "data.zip"
    with pytest.raises(DownloadError):
        download(server.url, target, patience=QUICK)
    (tmp_path / "data.zip.part").write_bytes(CONTENT * 2)
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_a_server_that_sends_less_than_it_says_is_an_error(server: FileServer, tmp_path: Path) -> None:
    server.stated_length = len(CONTENT) + 1
    server.ranges = False
    with pytest.raises(DownloadError, match="3,000,000 of 3,000,001 bytes"):
        download(server.url, tmp_path / "data.zip", patience=QUICK)
    assert not (tmp_path / "data.zip").exists()


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(server: FileServer, tmp_path: Path) -> None:
    server.rejections = [503, 429]
    download(server.url, tmp_path / "data.zip", patience=QUICK)
    assert (tmp_path / "data.zip").read_bytes() == CONTENT
    server.rejections, server.asked = [404], []
    with pytest.raises(DownloadError, match=r"404 .*is the address right\?"):
        download(server.url, tmp_path / "other.zip", patience=QUICK)
    assert len(server.asked) == 1


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/data.zip"
        with pytest.raises(DownloadError, match="rejected") as failure:
            download(url, tmp_path / "data.zip", patience=QUICK)
    assert "Is this machine online" in str(failure.value)
    assert f"put it at {tmp_path / 'data.zip'}." in str(failure.value)
    with pytest.raises(DownloadError, match="cannot be fetched"):
        download("http://nowhere.invalid/data.zip", tmp_path / "data.zip", patience=QUICK)


def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/data.zip"
        with pytest.raises(DownloadError, match="timed out"):
            download(url, tmp_path / "data.zip", patience=DownloadPatience(0.1, attempts=2, pause_seconds=0))


def test_a_full_disk_is_said_and_the_next_run_goes_on(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "data.zip"
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, usual[1]))  # no file may grow further
    try:
        with pytest.raises(DownloadError, match=r"data\.zip\.part cannot be written \(File too large\)"):
            download(server.url, target, patience=QUICK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    download(server.url, target, patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert server.asked == ["", "bytes=1500000-"]


def test_other_addresses_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="no http or https address"):
        download((tmp_path / "x").as_uri(), tmp_path / "data.zip")
