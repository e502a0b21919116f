"""The settings of `har devices`, the command that manages the device registry."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import CliPositionalArg, CliSubCommand, SettingsConfigDict

from har.process.redis_address import RedisUrl
from har.process.settings import ServiceSettings
from har.rejections import RejectedMessage
from har.samples import check_identifier
from ingest.archive.settings import DEFAULT_ARCHIVE

#: The registry that is used by default.
DEFAULT_REGISTRY = "sqlite:///.har/devices.sqlite3"

#: The sign convention of a phone's axes: Android's, iOS's (all three axes negated), or that of the Sensor Logger app
#: with "Standardise Units & Frames" on, which is Android's.
Frame = Literal["android", "ios", "standardised", "unknown"]


def _check_device_name(name: str) -> str:
    try:
        check_identifier("device", name)
    except RejectedMessage as rejected:
        raise ValueError(rejected.detail) from rejected
    return name


DeviceName = Annotated[str, AfterValidator(_check_device_name)]


class RegistrySettings(ServiceSettings):
    """The location of the device registry."""

    registry: str = Field(
        DEFAULT_REGISTRY,
        description="database URL: sqlite:///PATH, or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE",
    )


class EnrolSettings(RegistrySettings):
    """Invite a device: print a one-time code, an address and a QR code; opening the address enrols the phone."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEVICES_")

    name: CliPositionalArg[DeviceName] = Field(description="name of the device; a revoked device may enrol again")
    wearer: str | None = Field(None, max_length=64, description="who wears the device")
    frame: Frame = Field("unknown", description="sign convention of the axes, for the Sensor Logger app")
    minutes: float = Field(15, gt=0, le=7 * 24 * 60, description="how long the code is valid, min; it works once")
    url: str = Field("http://127.0.0.1:8600", description="address of the gateway as phones reach it")


class TokenSettings(RegistrySettings):
    """Print a token for a device that cannot renew one, such as the Sensor Logger app."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEVICES_")

    name: CliPositionalArg[DeviceName] = Field(description="name of the device; an unknown or revoked one is enrolled")
    wearer: str | None = Field(None, max_length=64, description="who wears the device")
    frame: Frame = Field("unknown", description="sign convention of the axes")
    days: float = Field(30, gt=0, le=366, description="how long the token is valid, days, unless the device is revoked")


class RevokeSettings(RegistrySettings):
    """Revoke a device: invalidate its tokens, its secret and its codes."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEVICES_")

    name: CliPositionalArg[DeviceName] = Field(description="name of the device")


class ListDevicesSettings(RegistrySettings):
    """List all devices with their state, sign convention and wearer."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEVICES_")


class ForgetSettings(RegistrySettings):
    """Erase a device from archive, Redis, store and registry; report how long Kafka keeps its messages."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEVICES_")

    name: CliPositionalArg[DeviceName] = Field(description="name of the device")
    archive: str = Field(DEFAULT_ARCHIVE, description="folder or s3:// address of the archive")
    redis_url: RedisUrl = Field(
        "redis://127.0.0.1:6379/0", description="Redis with the latest prediction of each device"
    )
    store: str = Field(".har/store", description="folder or fsspec URL of the store with its personal heads")
    online_keys: Path = Field(
        Path(".har/store-keys/online"), description="folder of the online keys that sign for the store"
    )


class DevicesSettings(ServiceSettings):
    """`har devices`: enrol devices, revoke them, and erase what they sent."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEVICES_")

    enrol: CliSubCommand[EnrolSettings] = Field(description="invite a device: print a code, an address and a QR code")
    token: CliSubCommand[TokenSettings] = Field(description="print a token for a device that cannot renew one")
    revoke: CliSubCommand[RevokeSettings] = Field(description="invalidate a device's tokens, secret and codes")
    list: CliSubCommand[ListDevicesSettings] = Field(description="list all devices with their state")
    forget: CliSubCommand[ForgetSettings] = Field(description="erase what a device sent")
