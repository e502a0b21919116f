"""What a service logs about its settings."""

from ingest.gateway.settings import GatewaySettings


def test_only_changed_settings_are_described():
    described = GatewaySettings(port=8_601, max_rate=5).describe()
    assert described == "settings: port=8601 max_rate=5.0; the others have their defaults"


def test_defaults_are_not_listed():
    assert GatewaySettings().describe() == "all settings have their defaults"


def test_secrets_are_masked():
    described = GatewaySettings(token="open sesame", redis_url="redis://:hunter2@cache:6379/0").describe()
    assert "open sesame" not in described
    assert "hunter2" not in described
    assert "token=**********" in described
    assert "redis_url=redis://**********@cache:6379/0" in described
