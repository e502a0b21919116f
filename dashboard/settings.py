"""The settings of the dashboard. See `har.process.settings`."""

from pydantic import Field, RedisDsn, SecretStr
from pydantic_settings import SettingsConfigDict

from har.process.settings import ListeningSettings, Port


class DashboardSettings(ListeningSettings):
    """`har dashboard`: the live page."""

    model_config = SettingsConfigDict(env_prefix="HAR_DASHBOARD_")

    port: Port = 8700
    redis_url: RedisDsn = RedisDsn("redis://127.0.0.1:6379/0")
    history_seconds: int = Field(300, ge=10, description="how far back timelines go")
    max_browsers: int = Field(200, ge=1)
    gateway_url: str | None = Field(
        None, description="the gateway, such as http://127.0.0.1:8600: who sees the page may then label and add phones"
    )
    gateway_token: SecretStr | None = Field(None, description="the operator's token of the gateway")
