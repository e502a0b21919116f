"""The settings of the archiver. See `har.process.settings`."""

from pydantic import Field
from pydantic_settings import CliSubCommand, SettingsConfigDict

from har.process.settings import KafkaSettings, Port, ServiceSettings

#: Where the archive is, if nothing else is said.
DEFAULT_ARCHIVE = ".har/archive"


class ArchiveCommandSettings(ServiceSettings):
    """What every act on an archive needs to know."""

    model_config = SettingsConfigDict(env_prefix="HAR_ARCHIVE_")

    archive: str = Field(DEFAULT_ARCHIVE, description="folder or URL of the archive, such as s3://bucket/archive")


class ArchiveCompactSettings(ArchiveCommandSettings):
    """`har archive compact`: write each day's small files together, sorted, and remove what they replace."""

    compact_files: int = Field(1, ge=1, description="a day with more small files than this is written anew")


class ArchiveRunSettings(ArchiveCommandSettings, KafkaSettings):
    """`har archive run`: keep what Kafka holds of readings and labels, until it is stopped."""

    model_config = SettingsConfigDict(env_prefix="HAR_ARCHIVE_")

    flush_seconds: float = Field(60, gt=0, description="how often what came is written")
    flush_readings: int = Field(2_000_000, ge=1, description="so many readings are written at once, however soon")
    compact_files: int = Field(32, ge=1, description="a day with more small files than this is written anew")
    upkeep_seconds: float = Field(3_600, gt=0, description="how often days are compacted, and old files removed")
    keep_days: int | None = Field(
        None, ge=1, description="days that are kept, today not counted; for ever, if not given"
    )
    metrics_port: Port = Field(8630, description="of the page /metrics, on loopback; 0 for none")


class ArchiveVerifySettings(ArchiveCommandSettings, KafkaSettings):
    """`har archive verify`: compare the archive with what Kafka still holds, reading by reading."""

    model_config = SettingsConfigDict(env_prefix="HAR_ARCHIVE_")


class ArchiveSettings(ServiceSettings):
    """`har archive`: keeps what phones send, as tables that the trainer reads."""

    model_config = SettingsConfigDict(env_prefix="HAR_ARCHIVE_")

    run: CliSubCommand[ArchiveRunSettings] = Field(description="keep what Kafka holds, until it is stopped")
    verify: CliSubCommand[ArchiveVerifySettings] = Field(description="compare the archive with Kafka")
    compact: CliSubCommand[ArchiveCompactSettings] = Field(description="write small files together")
