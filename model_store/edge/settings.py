"""Settings of the edge client. See `har.process.settings`."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import CliSubCommand, SettingsConfigDict

from har.process.settings import DEFAULT_TRUSTED_ROOT, LogSettings, ServiceSettings

DEFAULT_STORE_URL = "http://127.0.0.1:8620"


class EdgeClientSettings(LogSettings):
    """Settings of all edge commands that use a store."""

    model_config = SettingsConfigDict(env_prefix="HAR_EDGE_")

    device: str = Field(description="name of this device")
    store_url: str = Field(DEFAULT_STORE_URL, description="URL of `har store serve`")
    store_token: SecretStr | None = Field(None, description="token for reading from the store, if it needs one")
    trusted_root: Path = Field(
        DEFAULT_TRUSTED_ROOT, description="file with the store's root metadata, obtained over a trusted channel"
    )
    folder: Path = Field(
        Path(".har/edge"), description="folder for releases and trusted metadata; used by one client at a time"
    )
    form: Literal["litert-float32", "litert-int8"] = Field(
        "litert-float32", description="format of the release's network to run"
    )


class EdgeRunSettings(EdgeClientSettings):
    """`har edge run`: classify readings from standard input or a recording; print one JSON line per window."""

    recording: Path | None = Field(None, description=".csv or .parquet file to classify instead of standard input")
    session: str | None = Field(None, description="name of the session; derived from the current time if not given")
    piece_readings: int = Field(
        25, ge=1, le=1_000, description="number of lines of standard input that are processed together"
    )
    interval_seconds: float = Field(300, gt=0, description="time between two checks for a new release, s")
    report_to: str | None = Field(
        None,
        description="URL of a gateway to report predictions to, never readings, such as "
        "ws://127.0.0.1:8600/v1/activities; not with --recording",
    )
    gateway_token: SecretStr | None = Field(None, description="token of the gateway, if it needs one")
    first_seconds: float = Field(60, ge=0, description="how long to wait for a first release, s")

    @model_validator(mode="after")
    def require_live_readings(self) -> Self:
        """Raise if the predictions of a recording are to be reported: its times need not be those of a clock."""
        if self.recording is not None and self.report_to is not None:
            raise ValueError("report_to works without a recording only: a recording's times need not be a clock's")
        return self


class EdgePullSettings(EdgeClientSettings):
    """`har edge pull`: fetch and verify the release for this device once, and keep it."""


class EdgeBenchSettings(ServiceSettings):
    """`har edge bench`: measure the time and memory that classification needs on this device."""

    model_config = SettingsConfigDict(env_prefix="HAR_EDGE_")

    release: str = Field("baseline", description="folder of a release, 'baseline' or 'baseline-open'")
    form: Literal["litert-float32", "litert-int8"] = Field(
        "litert-float32", description="format of the release's network to run"
    )
    windows: int = Field(2_000, ge=1, le=1_000_000, description="number of windows to classify")
    json_output: bool = Field(False, alias="json", description="print JSON only")


class EdgeSettings(ServiceSettings):
    """`har edge`: classify on the device with signed releases from a store."""

    model_config = SettingsConfigDict(env_prefix="HAR_EDGE_")

    run: CliSubCommand[EdgeRunSettings] = Field(description="classify readings from standard input or a recording")
    pull: CliSubCommand[EdgePullSettings] = Field(description="fetch and verify the release for this device once")
    bench: CliSubCommand[EdgeBenchSettings] = Field(description="measure the time and memory of classification")
