"""Settings of `har store`. See `har.process.settings`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import CliPositionalArg, CliSubCommand, SettingsConfigDict

from har.channels import MAX_REASON_CHARACTERS, STABLE, Channel
from har.process.kafka_settings import OptionalKafkaSettings
from har.process.redis_address import RedisUrl
from har.process.settings import ListeningSettings, Port, ServiceSettings

#: Default locations of a store and its keys.
DEFAULT_STORE = ".har/store"
DEFAULT_KEYS = Path(".har/store-keys")


class StoreCommandSettings(ServiceSettings):
    """Settings of all `har store` commands."""

    model_config = SettingsConfigDict(env_prefix="HAR_STORE_")

    store: str = Field(DEFAULT_STORE, description="folder or fsspec URL of the store, such as s3://bucket/models")


class SigningSettings(StoreCommandSettings):
    """Settings of commands that sign with online keys."""

    online_keys: Path = Field(DEFAULT_KEYS / "online", description="folder of the online keys, which sign unattended")


class OfflineSigningSettings(SigningSettings):
    """Settings of commands that sign with offline keys."""

    offline_keys: Path = Field(
        DEFAULT_KEYS / "offline", description="folder of the offline keys, of the roles root and targets"
    )
    passphrase: SecretStr | None = Field(None, description="passphrase of the offline keys; not encrypted without it")


class InitSettings(OfflineSigningSettings):
    """`har store init`: create a store and its keys."""

    root_keys: int = Field(1, ge=1, le=16, description="number of root keys to create, for different people to keep")
    root_keys_needed: int = Field(1, ge=1, le=16, description="number of root keys that must sign a new root")


class PublishSettings(SigningSettings):
    """`har store publish FOLDER`: add a release and point a channel to it."""

    folder: CliPositionalArg[str] = Field(description="folder of the release, 'baseline' or 'baseline-open'")
    channel: Channel = Field(STABLE, description="stable, or canary for a share of the devices")
    share: float = Field(0.1, gt=0, le=1, description="share of the devices that get a canary")
    reason: str = Field("", max_length=MAX_REASON_CHARACTERS, description="reason for the change, for the history")


class PromoteSettings(SigningSettings):
    """`har store promote`: make the canary's release stable."""

    reason: str = Field("", max_length=MAX_REASON_CHARACTERS, description="reason for the change, for the history")


class RollbackSettings(SigningSettings):
    """`har store rollback`: go back to the previous stable release, or end the canary."""

    channel: Channel = Field(STABLE, description="stable, or canary to end it")
    to: str | None = Field(None, description="release to go back to; the previous stable release if not given")
    reason: str = Field("", max_length=MAX_REASON_CHARACTERS, description="reason for the change, for the history")


class ListReleasesSettings(StoreCommandSettings):
    """`har store list`: list the releases, the channels and their history."""

    json_output: bool = Field(False, alias="json", description="print JSON only")


class ShowSettings(StoreCommandSettings):
    """`har store show RELEASE`: show a release's manifest and files."""

    release: CliPositionalArg[str] = Field(description="name of the release")
    json_output: bool = Field(False, alias="json", description="print JSON only")


class VerifySettings(StoreCommandSettings):
    """`har store verify`: check every signature and every byte of a store."""

    json_output: bool = Field(False, alias="json", description="print JSON only")


class RotateKeySettings(OfflineSigningSettings):
    """`har store rotate-key ROLE`: replace a role's key. Signatures of the old key are no longer valid."""

    role: CliPositionalArg[Literal["root", "targets", "releases", "channels", "snapshot", "timestamp"]] = Field(
        description="root, targets, releases, channels, snapshot or timestamp"
    )
    key: str | None = Field(None, description="id of the old key, or its beginning; needed if the role has several")


class RenewSettings(OfflineSigningSettings):
    """`har store renew`: renew the signatures of root and targets before they expire."""


class ServeSettings(ListeningSettings, SigningSettings, OptionalKafkaSettings):
    """`har store serve`: serve the store over HTTP, announce changes, and renew online signatures."""

    model_config = SettingsConfigDict(env_prefix="HAR_STORE_")

    port: Port = Field(8620, description="port of the HTTP API; its documentation is at /docs")
    publish_token: SecretStr | None = Field(
        None, min_length=16, description="token for changes over HTTP; without it, all changes are rejected"
    )
    bootstrap: str | None = Field(
        None, description="Kafka's servers for announcements and canary judging: host:port,host:port"
    )
    redis_url: RedisUrl | None = Field(None, description="URL of Redis, which then holds the current pointers")
    uploads: Path = Field(Path(".har/store-uploads"), description="folder for uploaded files until they are published")
    refresh_seconds: float = Field(60, gt=0, description="time between two checks for expiring signatures, s")
    look_seconds: float = Field(1, gt=0, description="time between two checks of the store for changes by others, s")
    lead_seconds: float = Field(0.5, ge=0, description="time from an announcement until the release takes effect, s")
    auto: bool = Field(False, description="promote a canary that passes; without it, a person promotes it")
    canary_devices: int = Field(5, ge=3, description="least number of compared devices before a canary can pass")
    canary_windows: int = Field(300, ge=50, description="least number of compared windows before a canary can pass")
    canary_seconds: float = Field(3_600, ge=0, description="least time before a canary can pass, s")
    least_agreement: float = Field(
        0.8, ge=0, le=1, description="least share of windows with the same prediction as stable"
    )
    most_confidence_loss: float = Field(0.1, ge=0, le=1, description="largest loss of mean confidence against stable")
    most_latency_ratio: float = Field(2, gt=0, description="largest ratio of the time for a window to that of stable")
    most_accuracy_loss: float = Field(
        0.02, ge=0, le=1, description="largest loss of accuracy against stable on labelled windows"
    )
    max_connections: int = Field(1_000, ge=1, description="most concurrent requests; more are answered with status 503")


class StoreSettings(ServiceSettings):
    """`har store`: manage and serve the signed store of releases and channels."""

    model_config = SettingsConfigDict(env_prefix="HAR_STORE_")

    init: CliSubCommand[InitSettings] = Field(description="create a store and its keys")
    publish: CliSubCommand[PublishSettings] = Field(description="add a release and point a channel to it")
    promote: CliSubCommand[PromoteSettings] = Field(description="make the canary's release stable")
    rollback: CliSubCommand[RollbackSettings] = Field(
        description="go back to the previous stable release, or end the canary"
    )
    list: CliSubCommand[ListReleasesSettings] = Field(description="list the releases, the channels and their history")
    show: CliSubCommand[ShowSettings] = Field(description="show a release's manifest and files")
    verify: CliSubCommand[VerifySettings] = Field(description="check every signature and every byte")
    rotate_key: CliSubCommand[RotateKeySettings] = Field(description="replace a role's key")
    renew: CliSubCommand[RenewSettings] = Field(description="renew the signatures of root and targets")
    serve: CliSubCommand[ServeSettings] = Field(description="serve the store over HTTP, with announcements")
