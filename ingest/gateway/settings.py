"""The settings of `har gateway`."""

from pathlib import Path

from pydantic import Field, RedisDsn, SecretStr
from pydantic_settings import SettingsConfigDict

from har.process.settings import DEFAULT_TRUSTED_ROOT, KafkaSettings, ListeningSettings, Port


class GatewaySettings(ListeningSettings, KafkaSettings):
    """`har gateway`: takes readings from phones and publishes them to Kafka; serves the phone page.

    `token` is the operator's: who has it may send as any device, enrol devices and label what they do.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_GATEWAY_")

    port: Port = 8600
    registry: str | None = Field(
        None, description="which devices may send (`har devices`); without one, whoever has the token, or loopback"
    )
    token_minutes: float = Field(60, gt=0, le=24 * 60, description="how long a device's token is good")
    public_url: str | None = Field(None, description="where phones reach this gateway, for QR codes")
    local_authority: Path | None = Field(
        None, description="certificate (PEM) of one's own authority, offered to phones with how to trust it on /trust"
    )
    redis_url: RedisDsn | None = Field(None, description="to tell phone pages what the stream processor says of them")
    store_url: str | None = Field(None, description="where `har store serve` is, for classifying in the phone page")
    store_token: SecretStr | None = Field(None, description="what the store asks for")
    trusted_root: Path = Field(DEFAULT_TRUSTED_ROOT, description="the store's root, which the phone page trusts")

    max_connections: int = Field(2_000, ge=1, description="phones connected at the same time")
    max_unconfirmed: int = Field(512, ge=1, description="batches waiting for Kafka; at the limit nothing is read")
    max_unconfirmed_per_connection: int = Field(16, ge=1, description="the same, for one phone")
    max_device_rate: float = Field(50, gt=0, description="messages a second of one device, in the long run")
    max_rate: float = Field(20_000, gt=0, description="messages a second of all devices")
    max_push_bytes: int = Field(2_000_000, ge=1_000, description="of a pushed document, before and after unpacking")
    max_enrolments_per_minute: int = Field(60, ge=1, description="attempts with codes and secrets, of everybody")
    max_ahead_seconds: float = Field(60, gt=0, description="a reading this far in the future is rejected")
    max_behind_seconds: float = Field(7 * 86_400, gt=0, description="a reading this far in the past is rejected")
    delivery_timeout_seconds: float = Field(30, gt=0, description="a batch Kafka has not taken by then has failed")
    request_seconds: float = Field(15, gt=0, description="how long a phone may take to send a request")
    waiting_notice_seconds: float = Field(2, gt=0, description="a phone that waits longer for Kafka is told so")
    max_rejections_per_minute: int = Field(120, ge=1, description="of one phone's messages; beyond, it is cut off")
    stop_seconds: float = Field(2, gt=0, description="how long a stopping gateway waits for Kafka to confirm batches")
    revocation_seconds: float = Field(2, gt=0, description="how soon a revoked device is cut off")

    @property
    def asks_for_credentials(self) -> bool:
        """Whether nobody is let in who shows nothing."""
        return self.token is not None or self.registry is not None
