"""The settings of the dashboard. See `har.process.settings`."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from har.process.redis_address import RedisUrl
from har.process.settings import ListeningSettings, Port


class DashboardSettings(ListeningSettings):
    """`har dashboard`: serve the live page."""

    model_config = SettingsConfigDict(env_prefix="HAR_DASHBOARD_")

    port: Port = Field(8700, description="port of the page; 0 for any free port")
    redis_url: RedisUrl = Field(
        "redis://127.0.0.1:6379/0", description="Redis with the latest prediction of each device"
    )
    history_seconds: int = Field(300, ge=10, description="length of the timelines, s")
    max_browsers: int = Field(200, ge=1, description="largest number of connected browsers")
    gateway_url: str | None = Field(
        None,
        description="URL of the gateway, such as http://127.0.0.1:8600; with it, the page can label and add phones",
    )
    gateway_token: SecretStr | None = Field(None, description="operator's token for the gateway")
