"""What a service logs about its settings."""

import pytest

from ingest.gateway.settings import GatewaySettings


def test_settings_that_differ_from_their_defaults_are_listed():
    assert GatewaySettings(port=8_601, max_rate=5).changed() == {"port": "8601", "max_rate": "5.0"}
    assert GatewaySettings().changed() == {}


def test_all_settings_can_be_listed():
    shown = GatewaySettings(port=8_601).all_shown()
    assert set(shown) == set(GatewaySettings.model_fields)
    assert shown["port"] == "8601"


@pytest.mark.parametrize(
    "registry",
    [
        "postgresql://u:p/hunter2@h/d",
        "postgresql://u:hunter2@h/d?sslmode=require",
        "postgresql://h/d?user=u&password=hunter2&sslmode=require",
    ],
)
def test_a_password_within_a_url_is_masked(registry):
    shown = GatewaySettings(registry=registry).changed()["registry"]
    assert "hunter2" not in shown
    assert "h/d" in shown


def test_secrets_are_masked():
    settings = GatewaySettings(token="open sesame", redis_url="redis://:hunter2@cache:6379/0")
    assert settings.changed() == {"token": "**********", "redis_url": "redis://**********@cache:6379/0"}
