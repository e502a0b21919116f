"""Settings of `har replay`. See `har.process.settings`."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import CliPositionalArg, SettingsConfigDict

from har.process.settings import LogLevel
from ingest.senders.settings import SenderSettings
from recording_files.settings import RecordingFileSettings
from recording_files.urls import DataSetPath

#: Without an end.
FOREVER: Literal["forever"] = "forever"


class ReplaySettings(RecordingFileSettings, SenderSettings):
    """`har replay FILE…`: stream recordings to the gateway as if they were recorded now.

    A recording is what one user, device and session has in the files. Each is replayed as a device of its own.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_REPLAY_")

    log_level: LogLevel = Field("warning", description="the least severe level to log, beside the progress bar")
    files: CliPositionalArg[list[DataSetPath]] = Field(
        min_length=1,
        description="files, folders or archives of recordings, or names of data sets, see docs/data.md",
    )
    speed: float = Field(1, gt=0, description="factor of real time, above 0; 10 is ten times as fast")
    loop: Annotated[int, Field(ge=1)] | Literal["forever"] = Field(
        1, description="how often each recording is replayed, each time in a new session; forever for no end"
    )
    devices: int | None = Field(None, ge=1, description="replay only the first N recordings")
    users: str | None = Field(None, description="replay only these users, comma-separated")
    batch_readings: int = Field(50, ge=1, le=1_000, description="readings per batch")
    first_seconds: float = Field(
        15, gt=0, description="how long to wait for the first connection to the gateway, s; later ones have no limit"
    )
    finish_seconds: float = Field(5, ge=0, description="how long to wait for outstanding answers when it is stopped, s")
