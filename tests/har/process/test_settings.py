"""What a service logs about its settings."""

import pytest

from ingest.gateway.settings import GatewaySettings


def test_only_changed_settings_are_described():
    described = GatewaySettings(port=8_601, max_rate=5).describe()
    assert described == "settings: port=8601 max_rate=5.0; the others have their defaults"


def test_defaults_are_not_listed():
    assert GatewaySettings().describe() == "all settings have their defaults"


@pytest.mark.parametrize(
    "registry",
    [
        "postgresql://u:p/hunter2@h/d",
        "postgresql://u:hunter2@h/d?sslmode=require",
        "postgresql://h/d?user=u&password=hunter2&sslmode=require",
    ],
)
def test_a_password_within_a_url_is_masked(registry):
    described = GatewaySettings(registry=registry).describe()
    assert "hunter2" not in described
    assert "h/d" in described


def test_secrets_are_masked():
    described = GatewaySettings(token="open sesame", redis_url="redis://:hunter2@cache:6379/0").describe()
    assert "open sesame" not in described
    assert "hunter2" not in described
    assert "token=**********" in described
    assert "redis_url=redis://**********@cache:6379/0" in described
