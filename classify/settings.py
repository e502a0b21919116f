"""Settings of `har classify`. See `har.process.settings`."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AliasChoices, Field, SecretStr
from pydantic_settings import CliPositionalArg, SettingsConfigDict

from har.process.settings import DEFAULT_TRUSTED_ROOT
from recording_files.settings import RecordingFileSettings

#: Stands for the standard input and the standard output.
HYPHEN = "-"
#: The suffixes of the tables and of the plots that can be written.
TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")
PLOTS = (".html", ".png")


def _require_suffix(path: Path, suffixes: tuple[str, ...]) -> Path:
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"the name {path.name!r} must end with {', '.join(suffixes)}")
    return path


def _table(path: Path) -> Path:
    return path if str(path) == HYPHEN else _require_suffix(path, TABLES)


def _plot(path: Path) -> Path:
    return _require_suffix(path, PLOTS)


class ClassifySettings(RecordingFileSettings):
    """`har classify FILES`: name the activity in each window of recordings in files, of any known format.

    A summary goes to standard output, what was understood of the files and what is wrong with them to standard error.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_CLASSIFY_")

    files: CliPositionalArg[list[str]] = Field(
        min_length=1, description="files, folders or archives, see docs/data.md; - is the standard input"
    )
    output: Annotated[Path, AfterValidator(_table)] | None = Field(
        None,
        validation_alias=AliasChoices("output", "o"),
        description="write a row for each window to this file: .csv, .tsv, .parquet or .jsonl; - writes CSV to "
        "standard output, and the summary to standard error",
    )
    plot: Annotated[Path, AfterValidator(_plot)] | None = Field(
        None, description="draw the readings, the activities and the confidence: .html, or .png (needs matplotlib)"
    )
    json_output: bool = Field(False, alias="json", description="print the summary as JSON")
    release: str = Field(
        "baseline", description="folder of a release, 'baseline' or 'baseline-open', or URL of `har store serve`"
    )
    hop: float | None = Field(
        None, gt=0, description="time from one window to the next, s; that of the release if not given"
    )
    trusted_root: Path = Field(
        DEFAULT_TRUSTED_ROOT, description="file with the store's root metadata, obtained over a trusted channel"
    )
    store_token: SecretStr | None = Field(None, description="token for reading from the store, if it needs one")
    folder: Path = Field(Path(".har/classify"), description="folder for releases and trusted metadata of a store")
