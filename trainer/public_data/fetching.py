"""`har data fetch`: download a public data set, check it and convert it to Parquet."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from har.recordings import RecordingError
from recording_files.formats.parquet import write_parquet
from trainer.data_settings import FetchSettings
from trainer.public_data.download import DownloadError, DownloadPatience, download
from trainer.public_data.published import PUBLISHED, PublishedDataSet, PublishedSource


def fetch(settings: FetchSettings, published: Mapping[str, PublishedDataSet] = PUBLISHED) -> Path:
    """Fetch a data set, or resume a download of it.

    Parameters
    ----------
    settings : FetchSettings
        Name of the data set and output folder.
    published : mapping of str to PublishedDataSet
        Available data sets by name.

    Returns
    -------
    Path
        ``NAME.parquet`` in the output folder. An existing file is left unchanged.

    Raises
    ------
    DownloadError
        If the archive cannot be downloaded.
    RecordingError
        If the archive is not the expected one. It is renamed, so that the next run downloads it again.
    OSError
        If the output folder cannot be written.
    """
    data_set = published[settings.name]
    target = settings.output / f"{data_set.name}.parquet"
    archive = settings.output / f"{data_set.name}.zip"
    if target.exists():
        return target
    settings.output.mkdir(parents=True, exist_ok=True)
    with _progress(quiet=settings.quiet) as progress:
        if not archive.exists():
            _download(settings, data_set, archive, progress)
        _convert(settings, data_set, archive, target, progress)
    if not settings.keep_archive:
        archive.unlink()
    return target


def run(settings: FetchSettings) -> int:
    """Run `har data fetch`; return the exit status."""
    existed = (settings.output / f"{settings.name}.parquet").exists()
    try:
        target = fetch(settings)
    except (DownloadError, RecordingError, OSError) as error:
        print(f"har data fetch: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("har data fetch: stopped; the same command resumes from here", file=sys.stderr)
        return 130
    result = "already exists; delete it to fetch it again" if existed else f"{target.stat().st_size:,} bytes"
    print(f"{target}: {result}; use it with `--data {target}`")
    return 0


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), disable=quiet) as progress:
        yield progress


def _download(settings: FetchSettings, data_set: PublishedDataSet, archive: Path, progress: Progress) -> None:
    bar = progress.add_task(f"fetching {data_set.name}", total=None)
    download(
        settings.url or data_set.url,
        archive,
        patience=DownloadPatience(settings.silence_seconds, settings.attempts, settings.pause_seconds),
        progress=lambda done, total: progress.update(bar, completed=done, total=total),
    )


def _convert(
    settings: FetchSettings, data_set: PublishedDataSet, archive: Path, target: Path, progress: Progress
) -> None:
    bar = progress.add_task(f"converting {data_set.name}", total=None)
    try:
        write_parquet(
            PublishedSource(archive, data_set),
            target,
            keep_null=settings.keep_null,
            report=lambda rows: progress.update(bar, description=f"converting {data_set.name}: {rows:,} readings"),
        )
    except RecordingError as error:
        rejected = archive.with_name(f"{archive.name}.rejected")
        archive.replace(rejected)
        page = "; it looks like a web page, so is the URL right?" if _is_page(rejected) else ""
        raise RecordingError(
            f"{error}{page}; the file was renamed to {rejected.name}, and the same command fetches it again"
        ) from error


def _is_page(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(64).lstrip().startswith(b"<")
