"""The settings of the store of releases and of the devices that pull from it. See `har.process.settings`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, RedisDsn, SecretStr
from pydantic_settings import CliPositionalArg, CliSubCommand, SettingsConfigDict

from har.channels import MAX_REASON_CHARACTERS, STABLE, Channel
from har.process.settings import ListeningSettings, Port, ServiceSettings

#: Where a store and its keys are, if nothing else is said.
DEFAULT_STORE = ".har/store"
DEFAULT_KEYS = Path(".har/store-keys")


class StoreCommandSettings(ServiceSettings):
    """What every act on a store needs to know."""

    model_config = SettingsConfigDict(env_prefix="HAR_STORE_")

    store: str = Field(DEFAULT_STORE, description="folder or fsspec URL of the store, such as s3://bucket/models")


class SigningSettings(StoreCommandSettings):
    """What an act that signs needs to know besides."""

    online_keys: Path = Field(DEFAULT_KEYS / "online", description="folder of the keys that sign unattended")


class OfflineSigningSettings(SigningSettings):
    """What an act with offline keys needs to know besides."""

    offline_keys: Path = Field(DEFAULT_KEYS / "offline", description="folder of root's and targets' keys")
    passphrase: SecretStr | None = Field(None, description="what the offline keys are encrypted with")


class InitSettings(OfflineSigningSettings):
    """`har store init`: make a store and its keys."""

    root_keys: int = Field(1, ge=1, le=16, description="how many root keys are made, to be kept by different people")
    root_keys_needed: int = Field(1, ge=1, le=16, description="how many of them must sign a new root")


class PublishSettings(SigningSettings):
    """`har store publish FOLDER`: add a release and point a channel to it."""

    folder: CliPositionalArg[str] = Field(description="the release's folder, or 'baseline' for the one that is shipped")
    channel: Channel = Field(STABLE, description="stable, or canary for a share of the devices")
    share: float = Field(0.1, gt=0, le=1, description="of the devices, for a canary")
    reason: str = Field("", max_length=MAX_REASON_CHARACTERS, description="why, for whoever reads the history")


class PromoteSettings(SigningSettings):
    """`har store promote`: make the canary's release stable."""

    reason: str = Field("", max_length=MAX_REASON_CHARACTERS, description="why, for whoever reads the history")


class RollbackSettings(SigningSettings):
    """`har store rollback`: go back to what was stable before, or end the canary."""

    channel: Channel = Field(STABLE, description="stable, or canary to end it")
    to: str | None = Field(None, description="the release; what was stable before, if not given")
    reason: str = Field("", max_length=MAX_REASON_CHARACTERS, description="why, for whoever reads the history")


class ListReleasesSettings(StoreCommandSettings):
    """`har store list`: the releases, the channels and their history."""

    json_output: bool = Field(False, alias="json", description="print JSON only")


class ShowSettings(StoreCommandSettings):
    """`har store show RELEASE`: what a release says of itself, and its files."""

    release: CliPositionalArg[str] = Field(description="the release's name")
    json_output: bool = Field(False, alias="json", description="print JSON only")


class VerifySettings(StoreCommandSettings):
    """`har store verify`: check every signature and every byte of a store."""

    json_output: bool = Field(False, alias="json", description="print JSON only")


class RotateKeySettings(OfflineSigningSettings):
    """`har store rotate-key ROLE`: replace a role's key; the old one signs no more."""

    role: CliPositionalArg[Literal["root", "targets", "releases", "channels", "snapshot", "timestamp"]] = Field(
        description="root, targets, releases, channels, snapshot or timestamp"
    )
    key: str | None = Field(None, description="the beginning of the old key's id, if the role has several")


class RenewSettings(OfflineSigningSettings):
    """`har store renew`: sign root and targets afresh, before they expire."""


class ServeSettings(ListeningSettings, SigningSettings):
    """`har store serve`: the store over HTTP; it announces changes and signs afresh what would expire."""

    model_config = SettingsConfigDict(env_prefix="HAR_STORE_")

    port: Port = Field(8620, description="of the HTTP API; its description is at /docs")
    publish_token: SecretStr | None = Field(
        None, min_length=16, description="what changes over HTTP ask for; without it none are taken"
    )
    bootstrap: str | None = Field(None, description="Kafka's servers, to announce changes; host:port,host:port")
    redis_url: RedisDsn | None = Field(None, description="Redis, for a quick look at what is current")
    uploads: Path = Field(Path(".har/store-uploads"), description="folder for files on their way into the store")
    refresh_seconds: float = Field(60, gt=0, description="how often signatures are looked at")
    look_seconds: float = Field(1, gt=0, description="how often the store is looked at, for what others change")
    lead_seconds: float = Field(0.5, ge=0, description="from an announcement until the release is for what arrives")
    auto: bool = Field(False, description="promote a canary that passes; without it, it waits for a person")
    canary_devices: int = Field(5, ge=3, description="so many devices must have been compared before a canary passes")
    canary_windows: int = Field(300, ge=50, description="so many windows must have been compared before it passes")
    canary_seconds: float = Field(3_600, ge=0, description="so long it is looked at before it passes")
    least_agreement: float = Field(0.8, ge=0, le=1, description="share of windows on which it says what stable says")
    most_confidence_loss: float = Field(0.1, ge=0, le=1, description="by how much it may be less confident")
    most_latency_ratio: float = Field(2, gt=0, description="how many times as long as stable it may take for a window")
    most_accuracy_loss: float = Field(
        0.02, ge=0, le=1, description="by how much it may be less often right, where wearers said what they do"
    )
    max_connections: int = Field(1_000, ge=1, description="requests at the same time; beyond, they get a 503")


class StoreSettings(ServiceSettings):
    """`har store`: signed releases, and which of them is for whom."""

    model_config = SettingsConfigDict(env_prefix="HAR_STORE_")

    init: CliSubCommand[InitSettings] = Field(description="make a store and its keys")
    publish: CliSubCommand[PublishSettings] = Field(description="add a release and point a channel to it")
    promote: CliSubCommand[PromoteSettings] = Field(description="make the canary's release stable")
    rollback: CliSubCommand[RollbackSettings] = Field(description="go back to what was stable, or end the canary")
    list: CliSubCommand[ListReleasesSettings] = Field(description="the releases, the channels and their history")
    show: CliSubCommand[ShowSettings] = Field(description="what a release says of itself, and its files")
    verify: CliSubCommand[VerifySettings] = Field(description="check every signature and every byte")
    rotate_key: CliSubCommand[RotateKeySettings] = Field(description="replace a role's key")
    renew: CliSubCommand[RenewSettings] = Field(description="sign root and targets afresh")
    serve: CliSubCommand[ServeSettings] = Field(description="the store over HTTP, with announcements")
