"""Settings of the senders of readings, and of simulated phones. See `har.process.settings`."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from har.process.settings import LogSettings


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
