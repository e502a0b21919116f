"""`har data fetch`: published archives from a real server, checked and converted."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from har.recordings import RecordingError
from recording_files import find_source
from tests.recording_files.made_files import hapt_files, hhar_archive, hhar_lines, hhar_text, whole_hhar, zipped
from tests.trainer.public_data.file_server import FileServer, serving
from trainer.data_settings import FetchSettings
from trainer.public_data.download import DownloadError
from trainer.public_data.fetching import fetch, run
from trainer.public_data.published import PUBLISHED, PublishedDataSet

#: The published data sets, as far as a made one of a few readings can be like them.
SMALL = {name: replace(data_set, fewest_readings=1_000) for name, data_set in PUBLISHED.items()}
HHAR = hhar_archive(whole_hhar())


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(HHAR) as running:
        yield running


def settings(server: FileServer, folder: Path, name: str = "hhar", **further: object) -> FetchSettings:
    return FetchSettings(name=name, url=server.url, output=folder, attempts=2, pause_seconds=0, quiet=True, **further)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_hhar_is_fetched_checked_and_converted(server: FileServer, tmp_path: Path) -> None:
    folder = tmp_path / "new/data"
    target = fetch(settings(server, folder), SMALL)
    assert names(folder) == ["hhar.parquet", "hhar.zip"]
    table = pq.read_table(target)
    assert len(table) == 9 * 8 * 30
    assert set(table["gt"].to_pylist()) == {"stand", "walk", "null"}
    source = find_source("hhar", fetched=folder)
    assert source.provenance()[0].licence == "CC BY 4.0"


def test_null_readings_and_the_archive_can_be_dropped(server: FileServer, tmp_path: Path) -> None:
    target = fetch(settings(server, tmp_path, keep_null=False, keep_archive=False), SMALL)
    assert names(tmp_path) == ["hhar.parquet"]
    assert set(pq.read_table(target)["gt"].to_pylist()) == {"stand", "walk"}


def test_hapt_is_fetched_with_its_rate(tmp_path: Path) -> None:
    archive = zipped(hapt_files([(number, number) for number in range(1, 31)]))
    with serving(archive) as server:
        fetch(settings(server, tmp_path, "hapt"), SMALL)
    assert find_source("hapt", fetched=tmp_path).rate_hz == 50


def test_next_run_resumes_an_interrupted_download(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [5_000, 0, 0]
    with pytest.raises(DownloadError, match="5,000 bytes are kept"):
        fetch(settings(server, tmp_path), SMALL)
    server.asked.clear()
    fetch(settings(server, tmp_path), SMALL)
    assert server.asked == ["bytes=5000-"]


def test_existing_file_is_not_fetched_again(server: FileServer, tmp_path: Path) -> None:
    fetch(settings(server, tmp_path), SMALL)
    (tmp_path / "hhar.parquet").unlink()
    fetch(settings(server, tmp_path), SMALL)  # from the archive
    fetch(settings(server, tmp_path), SMALL)
    assert server.asked == [""]


def test_archive_copied_by_hand_needs_no_connection(tmp_path: Path) -> None:
    (tmp_path / "hhar.zip").write_bytes(HHAR)
    fetch(FetchSettings(name="hhar", url="http://nowhere.invalid/", output=tmp_path, quiet=True), SMALL)
    assert names(tmp_path) == ["hhar.parquet", "hhar.zip"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!doctype html><title>Moved</title>" * 9, "not a zip file.*it looks like a web page"),
        (HHAR[: len(HHAR) // 2], "cannot be read as a zip archive"),
        (zipped({"readme.txt": "nothing"}), "does not contain the files of hhar"),
        (zipped(hapt_files()), "does not contain the files of hhar"),
        (hhar_archive(hhar_text(hhar_lines(rows=3_000))), "has 1 users and 1 phones; hhar has 9 and 8"),
        (hhar_archive(hhar_text([*hhar_lines(), "1,2,3"])), "Expected 10 columns, got 3"),
    ],
)
def test_wrong_archive_is_renamed(tmp_path: Path, content: bytes, message: str) -> None:
    with serving(content) as server:
        with pytest.raises(RecordingError, match=rf"(?s){message}.*the same command fetches it again"):
            fetch(settings(server, tmp_path), SMALL)
        assert names(tmp_path) == ["hhar.zip.rejected"]
        server.content = HHAR
        fetch(settings(server, tmp_path), SMALL)


def test_incomplete_data_set_is_rejected(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="has 2,160 readings; hhar has more than 13,000,000"):
        fetch(settings(server, tmp_path))


@pytest.mark.parametrize("published", [PUBLISHED])
def test_published_urls_are_archives(published: Mapping[str, PublishedDataSet]) -> None:
    assert all(data_set.url.startswith("https://archive.ics.uci.edu/") for data_set in published.values())


def test_command_reports_existing_files_and_failures(
    server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.rejections = [404]
    assert run(settings(server, tmp_path)) == 1
    assert "har data fetch: http://127.0.0.1" in capsys.readouterr().err
    fetch(settings(server, tmp_path), SMALL)
    assert run(settings(server, tmp_path)) == 0
    assert "hhar.parquet: already exists; delete it to fetch it again" in capsys.readouterr().out
    (tmp_path / "file").write_text("in the way")
    assert run(settings(server, tmp_path / "file/below")) == 1
    assert "har data fetch: " in capsys.readouterr().err


def test_a_progress_display_is_shown_on_standard_error(
    server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch(settings(server, tmp_path).model_copy(update={"quiet": False}), SMALL)
    shown = capsys.readouterr()
    assert "fetching hhar" in shown.err
    assert "converting hhar: 2,160 readings" in " ".join(shown.err.split())
    assert shown.out == ""
