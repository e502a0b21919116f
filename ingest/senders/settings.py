"""Settings of the senders of readings: simulated phones and replayed recordings. See `har.process.settings`."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import CliPositionalArg, SettingsConfigDict

from har.process.settings import LogLevel, LogSettings


class SenderSettings(LogSettings):
    """Settings that all senders share."""

    gateway: str = Field("ws://127.0.0.1:8600/v1/samples", description="URL of the gateway")
    token: SecretStr | None = Field(None, description="token for a gateway that requires one")
    journal: Path | None = Field(None, description="folder for journals of all acknowledged batches")


class SimulateSettings(SenderSettings):
    """`har simulate`: stream readings of simulated wearers to the gateway."""

    model_config = SettingsConfigDict(env_prefix="HAR_SIMULATE_")

    devices: int = Field(8, ge=1, description="number of phones")
    first: int = Field(0, ge=0, description="index of the first phone; with the seed it determines the wearer")
    seed: int = Field(2018, ge=0, description="seed of all random draws")
    seconds: float | None = Field(None, gt=0, description="stop after this time, s; without it, run until Ctrl-C")
    segment_seconds: float = Field(12, gt=0, description="duration of each activity, s")
    batch_readings: int = Field(50, ge=1, le=1_000, description="readings per batch")
    finish_seconds: float = Field(5, ge=0, description="how long stopped phones wait for outstanding answers, s")


class ReplaySettings(SenderSettings):
    """`har replay FILE`: stream a recording to the gateway as if it were recorded now."""

    model_config = SettingsConfigDict(env_prefix="HAR_REPLAY_")

    log_level: LogLevel = Field("warning", description="the least severe level to log, beside the progress bar")
    file: CliPositionalArg[Path] = Field(description="HHAR CSV, or Parquet with user,device,model,session,t,x,y,z,gt")
    speed: float = Field(1, gt=0, description="factor of real time, above 0; 10 is ten times as fast")
    devices: int | None = Field(None, ge=1, description="replay only the first N (user, session) recordings")
    user: str | None = Field(None, description="replay only these users, comma-separated")
    batch_readings: int = Field(50, ge=1, le=1_000, description="readings per batch")
    first_seconds: float = Field(
        15, gt=0, description="how long to wait for the first connection to the gateway, s; later ones have no limit"
    )
    quiet: bool = Field(False, description="show no progress bar")
