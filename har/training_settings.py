"""The settings of the offline commands: data sets, training, evaluation. See `har.settings`."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import CliPositionalArg, CliSubCommand, SettingsConfigDict

from har.settings import ServiceSettings


class EvaluateSettings(ServiceSettings):
    """`har evaluate`: how right a release is on a recording."""

    model_config = SettingsConfigDict(env_prefix="HAR_EVALUATE_")

    data: Path = Field(description="Parquet with the columns user,device,model,session,t,x,y,z,gt")
    release: str = Field("baseline", description="folder of the release, or 'baseline'")
    user: str | None = Field(None, description="only these users, comma-separated")
    report: Path | None = Field(None, description="also write an HTML report with pictures to this file")
    json_output: bool = Field(False, alias="json", description="print JSON only")


class FetchSettings(ServiceSettings):
    """`har data fetch`: download a public data set, check it, and convert it to Parquet.

    A broken download is taken up where it broke. The addresses and terms of the data sets are in docs/data.md.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_FETCH_")

    name: CliPositionalArg[Literal["hhar", "hapt"]] = Field(description="which: hhar or hapt")
    output: Path = Field(Path(".har/data"), description="folder for NAME.parquet; from there `--data NAME` finds it")
    url: str | None = Field(None, description="where the archive is, if not where it was published")
    keep_null: bool = Field(True, description="keep readings that show none of the activities")
    keep_archive: bool = Field(True, description="keep NAME.zip beside NAME.parquet")
    silence_seconds: float = Field(30, gt=0, description="a connection that is silent for so long is broken")
    attempts: int = Field(5, ge=1, description="connections in a row that bring nothing, until it gives up")
    pause_seconds: float = Field(1, ge=0, description="before the second attempt; doubled before each further one")
    quiet: bool = Field(False, description="no progress bar")


class ReportSettings(ServiceSettings):
    """`har data report`: show data sets as a page with pictures, and what is wrong with them."""

    model_config = SettingsConfigDict(env_prefix="HAR_REPORT_")

    data: list[Path] = Field(description="any data set, see docs/data.md; give the option once each")
    output: Path = Field(Path("report.html"), description="the page")
    rate_hz: float | None = Field(None, gt=0, description="the rate that all the phones are said to have")
    fewest_windows: int = Field(20, ge=1, description="of a user, or a user's activity; fewer are pointed out")


class DataSettings(ServiceSettings):
    """`har data`: fetch public data sets, and report what a data set holds."""

    model_config = SettingsConfigDict(env_prefix="HAR_DATA_")

    fetch: CliSubCommand[FetchSettings] = Field(description="download a public data set")
    report: CliSubCommand[ReportSettings] = Field(description="write a page with pictures of what data sets hold")


class CrossValidateSettings(ServiceSettings):
    """`har cross-validate`: how right a way of training is on people that it has not seen."""

    model_config = SettingsConfigDict(env_prefix="HAR_CROSS_VALIDATE_")

    data: list[Path] = Field(description="Parquet files; give the option once a file")
    protocol: list[Literal["users", "leave-one-user-out", "leave-one-model-out", "leaky", "time"]] = Field(
        ["users"], description="give the option once a protocol, to see them side by side"
    )
    folds: int = Field(5, ge=2, description="of the protocol 'users'")
    placement: str | None = Field(None, description="test only who wore the phone there; train on everybody")
    device: str | None = Field(None, description="test only this device's people; train on everybody")
    network: str = Field("conv_lstm", description="conv_lstm or origin")
    classes: list[str] = Field(
        ["sit", "stand", "walk", "stairsup", "stairsdown"], description="labels to tell apart; once each"
    )
    epochs: int = Field(16, ge=1)
    windows_per_epoch: int = Field(9_600, ge=64, description="windows drawn for each epoch")
    seed: int = Field(0, ge=0)
    threads: int = Field(2, ge=1, description="threads TensorFlow may use")
    unknown_cost: float = Field(0.02, ge=0, lt=1, description="share of the right answers that unknown may cost")
    output: Path | None = Field(None, description="also write an HTML report with pictures to this file")
    json_output: bool = Field(False, alias="json", description="print JSON only")


class TrainSettings(ServiceSettings):
    """`har train`: train a network on recordings and freeze it as a release."""

    model_config = SettingsConfigDict(env_prefix="HAR_TRAIN_")

    data: list[Path] = Field(description="Parquet files; give the option once a file")
    output: Path = Field(description="folder of the release that is written")
    network: str = Field("conv_lstm", description="conv_lstm or origin")
    epochs: int = Field(16, ge=1)
    seed: int = Field(0, ge=0)
