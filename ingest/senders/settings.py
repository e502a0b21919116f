"""The settings of those who send readings: simulated phones and replayed recordings. See `har.process.settings`."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import CliPositionalArg, SettingsConfigDict

from har.process.settings import ServiceSettings


class SenderSettings(ServiceSettings):
    """What every sender of readings needs to know."""

    gateway: str = Field("ws://127.0.0.1:8600/v1/samples", description="the gateway's URL")
    token: SecretStr | None = Field(None, description="what the gateway asks for beyond loopback")
    journal: Path | None = Field(None, description="folder to record every acknowledged batch in")


class SimulateSettings(SenderSettings):
    """`har simulate`: simulated wearers stream to the gateway."""

    model_config = SettingsConfigDict(env_prefix="HAR_SIMULATE_")

    devices: int = Field(8, ge=1, description="how many phones")
    first: int = Field(0, ge=0, description="number of the first phone; with the seed it says who wears it")
    seed: int = Field(2018, ge=0)
    seconds: float | None = Field(None, gt=0, description="stop after this time; without it, on Ctrl-C")
    segment_seconds: float = Field(12, gt=0, description="how long each activity lasts")
    batch_readings: int = Field(50, ge=1, le=1_000, description="readings a batch")
    finish_seconds: float = Field(5, ge=0, description="how long phones that are stopped wait for their answers")


class ReplaySettings(SenderSettings):
    """`har replay FILE`: a recording streams to the gateway as if it were happening now."""

    model_config = SettingsConfigDict(env_prefix="HAR_REPLAY_")

    file: CliPositionalArg[Path] = Field(description="HHAR CSV, or Parquet with user,device,model,session,t,x,y,z,gt")
    speed: float = Field(1, gt=0, description="1 is real time; 10 is ten times as fast; 0 < speed")
    devices: int | None = Field(None, ge=1, description="replay the first N (user, session) recordings only")
    user: str | None = Field(None, description="replay these users only, comma-separated")
    batch_readings: int = Field(50, ge=1, le=1_000, description="readings a batch")
    quiet: bool = Field(False, description="no progress bar")
