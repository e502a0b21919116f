"""The settings of the archiver. See `har.process.settings`."""

from pydantic import Field
from pydantic_settings import CliSubCommand, SettingsConfigDict

from har.process.kafka_settings import KafkaSettings
from har.process.settings import Port, ServiceSettings

#: The archive's default folder.
DEFAULT_ARCHIVE = ".har/archive"


class ArchiveCommandSettings(ServiceSettings):
    """Settings that all subcommands of `har archive` share."""

    model_config = SettingsConfigDict(env_prefix="HAR_ARCHIVE_")

    archive: str = Field(DEFAULT_ARCHIVE, description="folder or URL of the archive, such as s3://bucket/archive")


class ArchiveCompactSettings(ArchiveCommandSettings):
    """`har archive compact`: merge each day's small files into sorted ones, and remove the files they replace."""

    compact_files: int = Field(1, ge=1, description="compact a day that has more small files than this")


class ArchiveRunSettings(ArchiveCommandSettings, KafkaSettings):
    """`har archive run`: copy readings and labels from Kafka to the archive until stopped."""

    model_config = SettingsConfigDict(env_prefix="HAR_ARCHIVE_")

    flush_seconds: float = Field(60, gt=0, description="interval between commits, s")
    flush_readings: int = Field(2_000_000, ge=1, description="commit earlier if this many readings are held")
    compact_files: int = Field(32, ge=1, description="compact a day that has more small files than this")
    upkeep_seconds: float = Field(3_600, gt=0, description="interval between compactions and removals of old files, s")
    keep_days: int | None = Field(None, ge=1, description="days to keep besides today; without it, all days are kept")
    metrics_port: Port = Field(8630, description="port of the page /metrics, on loopback; 0 for none")


class ArchiveVerifySettings(ArchiveCommandSettings, KafkaSettings):
    """`har archive verify`: compare the archive with the messages that Kafka still holds, reading by reading."""

    model_config = SettingsConfigDict(env_prefix="HAR_ARCHIVE_")


class ArchiveSettings(ServiceSettings):
    """`har archive`: store what phones send in tables that the trainer reads."""

    model_config = SettingsConfigDict(env_prefix="HAR_ARCHIVE_")

    run: CliSubCommand[ArchiveRunSettings] = Field(description="copy from Kafka to the archive until stopped")
    verify: CliSubCommand[ArchiveVerifySettings] = Field(description="compare the archive with Kafka")
    compact: CliSubCommand[ArchiveCompactSettings] = Field(description="merge small files")
