"""The settings of devices that classify themselves. See `har.process.settings`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import CliSubCommand, SettingsConfigDict

from har.process.settings import DEFAULT_TRUSTED_ROOT, ServiceSettings

DEFAULT_STORE_URL = "http://127.0.0.1:8620"


class EdgeClientSettings(ServiceSettings):
    """What every edge client needs to know."""

    model_config = SettingsConfigDict(env_prefix="HAR_EDGE_")

    device: str = Field(description="this device's name")
    store_url: str = Field(DEFAULT_STORE_URL, description="where `har store serve` is")
    store_token: SecretStr | None = Field(None, description="what the store asks for")
    trusted_root: Path = Field(
        DEFAULT_TRUSTED_ROOT, description="the store's root, which came by a way that is trusted"
    )
    folder: Path = Field(Path(".har/edge"), description="for releases and trusted metadata; of this client alone")
    form: Literal["litert-float32", "litert-int8"] = Field("litert-float32", description="which artifact is used")


class EdgeRunSettings(EdgeClientSettings):
    """`har edge run`: classify readings from standard input, or a recording, a JSON line a window."""

    recording: Path | None = Field(None, description="a .csv or .parquet file, instead of standard input")
    session: str | None = Field(None, description="the session's name; made from the time, if not given")
    piece_readings: int = Field(25, ge=1, le=1_000, description="readings that are taken together from standard input")
    interval_seconds: float = Field(300, gt=0, description="how often the store is asked for news")
    report_to: str | None = Field(
        None, description="a gateway to tell the activities, never readings: ws://127.0.0.1:8600/v1/activities"
    )
    gateway_token: SecretStr | None = Field(None, description="what the gateway asks for")
    first_seconds: float = Field(60, ge=0, description="how long to wait for a first release")


class EdgePullSettings(EdgeClientSettings):
    """`har edge pull`: fetch, verify and keep the release for this device, once."""


class EdgeBenchSettings(ServiceSettings):
    """`har edge bench`: measure what one window costs here, in time and memory."""

    model_config = SettingsConfigDict(env_prefix="HAR_EDGE_")

    release: str = Field("baseline", description="a release's folder, or 'baseline' for the one that is shipped")
    form: Literal["litert-float32", "litert-int8"] = Field("litert-float32", description="which artifact is used")
    windows: int = Field(2_000, ge=1, le=1_000_000, description="how many are classified")
    json_output: bool = Field(False, alias="json", description="print JSON only")


class EdgeSettings(ServiceSettings):
    """`har edge`: classify on the device itself, with releases that a store signed."""

    model_config = SettingsConfigDict(env_prefix="HAR_EDGE_")

    run: CliSubCommand[EdgeRunSettings] = Field(description="classify readings from standard input or a recording")
    pull: CliSubCommand[EdgePullSettings] = Field(description="fetch and verify the release for this device, once")
    bench: CliSubCommand[EdgeBenchSettings] = Field(description="measure what one window costs here")
