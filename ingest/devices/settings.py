"""The settings of `har devices`: which devices may send."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, RedisDsn
from pydantic_settings import CliPositionalArg, CliSubCommand, SettingsConfigDict

from har.process.settings import ServiceSettings
from har.samples import RejectedBatch, check_identifier
from ingest.archive.settings import DEFAULT_ARCHIVE

#: Where a registry is if nothing else is said.
DEFAULT_REGISTRY = "sqlite:///.har/devices.sqlite3"

#: How a phone states its axes: as Android does, as iOS does (all three negated), or as the Sensor Logger app does with
#: "Standardise Units & Frames" on.
Frame = Literal["android", "ios", "standardised", "unknown"]


def _plain_device(name: str) -> str:
    try:
        check_identifier("device", name)
    except RejectedBatch as rejected:
        raise ValueError(rejected.detail) from rejected
    return name


DeviceName = Annotated[str, AfterValidator(_plain_device)]


class RegistrySettings(ServiceSettings):
    """Where it is kept which devices may send."""

    registry: str = Field(
        DEFAULT_REGISTRY, description="sqlite:///PATH, or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
    )


class EnrolSettings(RegistrySettings):
    """Invite a device: prints a code, an address and a QR code; the phone that opens it is the device."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEVICES_")

    name: CliPositionalArg[DeviceName] = Field(description="the device's name; a revoked one may come back")
    wearer: str | None = Field(None, max_length=64, description="who wears it")
    frame: Frame = Field("unknown", description="for the Sensor Logger app: whose signs its axes have")
    minutes: float = Field(15, gt=0, le=7 * 24 * 60, description="how long the code can be used, once")
    url: str = Field("http://127.0.0.1:8600", description="where phones reach the gateway")


class TokenSettings(RegistrySettings):
    """Print a token for a device that cannot renew one, such as the Sensor Logger app."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEVICES_")

    name: CliPositionalArg[DeviceName] = Field(description="the device, which is enrolled if it is not")
    wearer: str | None = Field(None, max_length=64, description="who wears it")
    frame: Frame = Field("unknown", description="whose signs its axes have")
    days: float = Field(30, gt=0, le=366, description="how long the token is good, unless it is revoked")


class RevokeSettings(RegistrySettings):
    """End what a device may do: its tokens, its secret and its codes."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEVICES_")

    name: CliPositionalArg[DeviceName] = Field(description="the device")


class ListDevicesSettings(RegistrySettings):
    """List the devices."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEVICES_")


class ForgetSettings(RegistrySettings):
    """Erase what a device sent, where it lies: archive, Redis, registry; says until when Kafka still has some."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEVICES_")

    name: CliPositionalArg[DeviceName] = Field(description="the device")
    archive: str = Field(DEFAULT_ARCHIVE, description="the archive's folder or s3:// address")
    redis_url: RedisDsn = RedisDsn("redis://127.0.0.1:6379/0")


class DevicesSettings(ServiceSettings):
    """`har devices`: enrol phones, revoke them, and forget what they sent."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEVICES_")

    enrol: CliSubCommand[EnrolSettings]
    token: CliSubCommand[TokenSettings]
    revoke: CliSubCommand[RevokeSettings]
    list: CliSubCommand[ListDevicesSettings]
    forget: CliSubCommand[ForgetSettings]
