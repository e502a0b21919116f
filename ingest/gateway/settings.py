"""The settings of `har gateway`."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from har.process.kafka_settings import KafkaSettings
from har.process.redis_address import RedisUrl
from har.process.settings import DEFAULT_TRUSTED_ROOT, ListeningSettings, Port


class GatewaySettings(ListeningSettings, KafkaSettings):
    """`har gateway`: receive readings from phones and publish them to Kafka; serve the phone page.

    `token` is the operator's token. Its bearer may send as any device, enrol and revoke devices, and label any device.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_GATEWAY_")

    port: Port = Field(8600, description="TCP port to listen on; 0 takes a free one")
    registry: str | None = Field(
        None,
        description="database URL of the device registry (`har devices`); without one, only the operator's token "
        "admits senders, or, on loopback without a token, everyone may send",
    )
    token_minutes: float = Field(60, gt=0, le=24 * 60, description="how long a device's token is valid, min")
    public_url: str | None = Field(
        None,
        description="address of this gateway as phones reach it, with the path at which a reverse proxy serves it, "
        "such as https://example.org/phones; for QR codes and cookies",
    )
    local_authority: Path | None = Field(
        None, description="certificate (PEM) of a local authority; /trust serves it with instructions to install it"
    )
    redis_url: RedisUrl | None = Field(
        None,
        description="Redis with the processor's predictions; without it, phone pages show none",
    )
    store_url: str | None = Field(
        None,
        description="address of `har store serve`; without it, phone pages do not classify",
    )
    store_token: SecretStr | None = Field(None, description="token for requests to the store")
    trusted_root: Path = Field(DEFAULT_TRUSTED_ROOT, description="root metadata of the store that phone pages trust")

    max_connections: int = Field(2_000, ge=1, description="largest number of phones connected at the same time")
    max_unconfirmed: int = Field(
        512, ge=1, description="largest number of batches that wait for Kafka; at the limit the gateway reads nothing"
    )
    max_unconfirmed_per_connection: int = Field(
        16, ge=1, description="largest number of batches of one connection that wait for Kafka"
    )
    max_device_rate: float = Field(50, gt=0, description="messages per second of one device, on average")
    max_rate: float = Field(20_000, gt=0, description="messages per second of all devices together, on average")
    max_push_bytes: int = Field(
        2_000_000, ge=1_000, description="largest pushed document, bytes, compressed and decompressed"
    )
    max_enrolments_per_minute: int = Field(
        60, ge=1, description="enrolments and token renewals per minute, of all devices together"
    )
    max_ahead_seconds: float = Field(
        60, gt=0, description="a reading further ahead of the gateway's clock is rejected, s"
    )
    max_behind_seconds: float = Field(
        7 * 86_400, gt=0, description="a reading further behind the gateway's clock is rejected, s"
    )
    delivery_timeout_seconds: float = Field(
        30, gt=0, description="a batch that Kafka has not confirmed within this time has failed, s"
    )
    request_seconds: float = Field(15, gt=0, description="how long a phone may take to send a request, s")
    waiting_notice_seconds: float = Field(
        2, gt=0, description="a phone without an answer for this long is notified that it has to wait, s"
    )
    max_rejections_per_minute: int = Field(
        120,
        ge=1,
        description="rejected messages per minute of one connection, beyond which the gateway closes it; "
        "rejected documents per minute of one sender, beyond which it answers 429 and keeps none",
    )
    stop_seconds: float = Field(
        2, gt=0, description="how long a stopping gateway waits for Kafka to confirm batches, s"
    )
    revocation_seconds: float = Field(2, gt=0, description="interval between checks for revoked devices, s")

    @property
    def asks_for_credentials(self) -> bool:
        """Whether every sender must present a token."""
        return self.token is not None or self.registry is not None
