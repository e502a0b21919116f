"""The settings of the stream processor; see `har.process.settings`."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from har.process.kafka_settings import KafkaSettings
from har.process.redis_address import RedisUrl
from har.process.settings import DEFAULT_TRUSTED_ROOT, is_loopback
from har.rights import DEFAULT_GROUP


class ProcessorSettings(KafkaSettings):
    """`har processor`: cut each device's readings into windows, classify them, publish to Kafka and Redis."""

    model_config = SettingsConfigDict(env_prefix="HAR_PROCESSOR_")

    group: str = Field(DEFAULT_GROUP, description="Kafka consumer group")
    release: str = Field(
        "baseline",
        description="release to use: a folder, 'baseline' or 'baseline-open'; with a store, until the store has one",
    )
    store_url: str | None = Field(
        None, description="URL of `har store serve`; the processor then follows the store's channels"
    )
    store_token: SecretStr | None = Field(None, description="token that the store asks for")
    trusted_root: Path = Field(
        DEFAULT_TRUSTED_ROOT, description="file with the store's root metadata, obtained over a trusted channel"
    )
    store_interval_seconds: float = Field(
        300, gt=0, description="seconds between requests to the store without announcements"
    )
    redis_url: RedisUrl = Field("redis://127.0.0.1:6379/0", description="URL of Redis, for live updates")
    web_host: str = Field("127.0.0.1", description="loopback address of the pages /metrics, /live and /ready")
    web_port: int = Field(8610, ge=1, le=65_535, description="port of the pages /metrics, /live and /ready")
    data_folder: Path = Field(
        Path(".har/processor"), description="folder of Faust's files and of releases from the store"
    )
    session_timeout_seconds: float = Field(
        6, gt=0, description="seconds without a heartbeat after which Kafka reassigns the worker's partitions"
    )
    heartbeat_seconds: float = Field(1.5, gt=0, description="seconds between heartbeats to Kafka")
    fetch_wait_ms: int = Field(500, ge=1, description="longest wait of a fetch that finds no message, ms")
    grace_seconds: float = Field(2, gt=0, description="how long a missing batch is waited for, seconds of event time")
    carry_seconds: float = Field(
        30, gt=0, description="seconds of silence after which a session's held batches are written again"
    )
    forget_seconds: float = Field(
        3_600, gt=0, description="seconds of silence after which a session's state is dropped"
    )
    hold_seconds: float = Field(
        120, gt=0, description="seconds of sending within one window's event time after which held batches are dropped"
    )
    latest_seconds: int = Field(60, ge=1, description="seconds that Redis keeps a device's latest prediction")
    classify_batch: int = Field(64, ge=1, description="most windows classified in one call")
    max_waiting_batches: int = Field(
        2_048,
        ge=1,
        description="most batches that wait for classification; at the limit the processor stops reading from Kafka",
    )
    stall_seconds: float = Field(
        60, gt=0, description="seconds without progress in a partition after which the worker ends"
    )
    inference_threads: int = Field(1, ge=1, description="CPU threads of one call of the network")
    max_sessions: int = Field(
        20_000, ge=1, description="most sessions of a partition; beyond, the one silent longest is dropped"
    )

    @model_validator(mode="after")
    def require_loopback(self) -> Self:
        """Raise if Faust's pages would be reachable beyond loopback: they have no access control."""
        if not is_loopback(self.web_host):
            raise ValueError(f"web_host {self.web_host}: Faust's pages have no access control; use a loopback address")
        return self
