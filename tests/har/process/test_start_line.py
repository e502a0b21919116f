"""The line that a service logs at its start."""

import logging

import pytest

from har.process.start_line import log_start
from ingest.gateway.settings import GatewaySettings

log = logging.getLogger("tests.start_line")
SETTINGS = GatewaySettings(port=8_601, token="open sesame", redis_url="redis://:hunter2@cache:6379/0")


def start(caplog: pytest.LogCaptureFixture, level: int) -> logging.LogRecord:
    """Log a start at a level, and return its record."""
    with caplog.at_level(level, "tests.start_line"):
        log_start(
            log,
            SETTINGS,
            listens={"phones": "ws://127.0.0.1:8601/v1/samples"},
            connections={
                "Kafka": ("127.0.0.1:9092", None),
                "Redis": (str(SETTINGS.redis_url), "cannot be used yet: Redis answers: WRONGPASS invalid"),
            },
        )
    (record,) = caplog.records
    return record


def test_one_line_states_addresses_connections_and_changed_settings(caplog):
    assert start(caplog, logging.INFO).getMessage() == (
        "started: phones at ws://127.0.0.1:8601/v1/samples; connected to Kafka at 127.0.0.1:9092; "
        "Redis at redis://**********@cache:6379/0 cannot be used yet: Redis answers: WRONGPASS invalid; "
        "settings: port=8601 token=********** redis_url=redis://**********@cache:6379/0; the others have their defaults"
    )


def test_with_debug_the_line_lists_all_settings(caplog):
    record = start(caplog, logging.DEBUG)
    assert set(record.fields["settings"]) == set(GatewaySettings.model_fields)
    assert "max_connections=" in record.getMessage()
    assert "hunter2" not in record.getMessage() + str(record.fields)
    assert "open sesame" not in record.getMessage() + str(record.fields)
