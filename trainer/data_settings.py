"""Settings of `har data`. See `har.process.settings`."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import CliPositionalArg, CliSubCommand, SettingsConfigDict

from har.process.settings import ServiceSettings
from trainer import defaults
from trainer.settings import Classes, DataSetsSettings


class FetchSettings(ServiceSettings):
    """`har data fetch`: download a public data set, check it, and convert it to Parquet.

    An interrupted download resumes. The addresses and licences of the data sets are in docs/data.md.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_DATA_")

    name: CliPositionalArg[Literal["hhar", "hapt"]] = Field(description="the data set: hhar or hapt")
    output: Path = Field(
        Path(".har/data"), description="folder for NAME.parquet; `--data NAME` searches the default folder"
    )
    url: str | None = Field(None, description="URL of the archive; the publisher's URL by default")
    keep_null: bool = Field(True, description="keep readings of none of the activities, labelled null")
    keep_archive: bool = Field(True, description="keep NAME.zip beside NAME.parquet")
    silence_seconds: float = Field(
        30, gt=0, description="seconds without data after which a connection is closed and retried"
    )
    attempts: int = Field(5, ge=1, description="give up after this many consecutive connections without data")
    pause_seconds: float = Field(
        1, ge=0, description="seconds before the second attempt; doubled before each further attempt"
    )
    quiet: bool = Field(False, description="show no progress bar")


class ReportSettings(DataSetsSettings):
    """`har data report`: write an HTML page with plots of data sets and the faults found in them."""

    model_config = SettingsConfigDict(env_prefix="HAR_DATA_")

    output: Path = Field(Path("report.html"), description="file to write the page to")
    classes: Classes = Field(
        list(defaults.CLASSES),
        description="classes to train, with commas between, or repeat the option; all for every label. Readings with "
        "another label count as null rows",
    )
    fewest_windows: int = Field(
        20, ge=1, description="report users, and activities of a user, with fewer windows than this"
    )


class SimulateSettings(ServiceSettings):
    """`har data simulate`: write simulated background, such as vehicles and phones in use, as a data set.

    Data sets of activities show too little of what is none. The simulated readings are for training beside them.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_DATA_")

    output: CliPositionalArg[Path] = Field(description="Parquet file to write")
    people: int = Field(40, ge=1, le=999, description="number of simulated people, each with every kind of background")
    seconds: int = Field(120, ge=10, le=86_400, description="length of each recording, s")
    seed: int = Field(0, ge=0, description="seed of all draws")


class DataSettings(ServiceSettings):
    """`har data`: fetch public data sets, simulate background, and report what a data set contains."""

    model_config = SettingsConfigDict(env_prefix="HAR_DATA_")

    fetch: CliSubCommand[FetchSettings] = Field(description="download a public data set")
    report: CliSubCommand[ReportSettings] = Field(description="write a page with plots of what data sets contain")
    simulate: CliSubCommand[SimulateSettings] = Field(description="write simulated background as a data set")
