"""The settings of the processor. See `har.process.settings`."""

from pathlib import Path
from typing import Self

from pydantic import Field, RedisDsn, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from har.process.settings import DEFAULT_TRUSTED_ROOT, KafkaSettings, Port, is_loopback


class ProcessorSettings(KafkaSettings):
    """`har processor`: Faust; windows per device, classified, to Kafka and Redis."""

    model_config = SettingsConfigDict(env_prefix="HAR_PROCESSOR_")

    group: str = Field("har-processor", description="consumer group")
    release: str = Field(
        "baseline", description="folder of the release to serve, or 'baseline'; with a store, until that has one"
    )
    store_url: str | None = Field(None, description="where `har store serve` is, to serve what it says")
    store_token: SecretStr | None = Field(None, description="what the store asks for")
    trusted_root: Path = Field(
        DEFAULT_TRUSTED_ROOT, description="the store's root, which came by a way that is trusted"
    )
    store_interval_seconds: float = Field(300, gt=0, description="how often the store is asked without announcements")
    redis_url: RedisDsn = RedisDsn("redis://127.0.0.1:6379/0")
    web_host: str = "127.0.0.1"
    web_port: Port = Field(8610, description="of the pages /metrics, /live and /ready")
    data_folder: Path = Field(Path(".har/processor"), description="where Faust keeps its files")
    session_timeout_seconds: float = Field(6, gt=0)
    heartbeat_seconds: float = Field(1.5, gt=0)
    fetch_wait_ms: int = Field(500, ge=1, description="longest wait of a fetch that finds nothing")
    grace_seconds: float = Field(2, gt=0, description="how long a missing batch is waited for, event time")
    carry_seconds: float = Field(30, gt=0, description="after this silence a session's last batches are written anew")
    forget_seconds: float = Field(3_600, gt=0, description="a silent session's window state is dropped after this")
    hold_seconds: float = Field(
        120, gt=0, description="a session that sends for so long within one window's time loses what is held of it"
    )
    latest_seconds: int = Field(60, ge=1, description="how long Redis keeps a device's latest prediction")
    classify_batch: int = Field(64, ge=1, description="most windows classified in one call")
    max_waiting_batches: int = Field(
        2_048, ge=1, description="batches whose windows are not classified yet; at the limit no more is read from Kafka"
    )
    stall_seconds: float = Field(60, gt=0, description="a partition that does not move for so long ends the worker")
    inference_threads: int = Field(1, ge=1)
    max_sessions: int = Field(20_000, ge=1, description="of a partition; beyond, the one silent for longest is dropped")

    @model_validator(mode="after")
    def require_loopback(self) -> Self:
        """Reject to show Faust's page beyond loopback: it knows no credentials."""
        if not is_loopback(self.web_host):
            raise ValueError(f"web_host {self.web_host}: Faust's page has no credentials and is for loopback only")
        return self
