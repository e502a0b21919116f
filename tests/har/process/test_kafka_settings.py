"""Settings for Kafka that contradict each other are rejected, with what to do; secrets are not shown."""

import pytest
from pydantic import ValidationError

from har.process.kafka_settings import KafkaSettings, OptionalKafkaSettings

SASL = {"kafka_protocol": "SASL_SSL", "kafka_mechanism": "SCRAM-SHA-512", "kafka_user": "u"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"bootstrap": "kafka"}, "'kafka' is not HOST:PORT"),
        ({"bootstrap": "kafka:9092,"}, "'' is not HOST:PORT"),
        ({"kafka_user": "u"}, "kafka_user needs kafka_protocol SASL_SSL or SASL_PLAINTEXT"),
        ({"kafka_authority": "file"}, "kafka_authority needs kafka_protocol SSL or SASL_SSL"),
        ({"kafka_protocol": "SASL_SSL"}, "needs kafka_mechanism, such as SCRAM-SHA-512"),
        (SASL, "needs kafka_password or kafka_password_file, and not both"),
        (SASL | {"kafka_password": "p", "kafka_password_file": "f"}, "and not both"),
        (SASL | {"kafka_user": None, "kafka_password": "p"}, "needs kafka_user"),
        (SASL | {"kafka_password": "p", "kafka_token_file": "f"}, "needs kafka_mechanism OAUTHBEARER"),
        (SASL | {"kafka_mechanism": "OAUTHBEARER"}, "does not go with OAUTHBEARER"),
        ({"kafka_protocol": "SASL_SSL", "kafka_mechanism": "OAUTHBEARER"}, "needs kafka_token_file"),
        (SASL | {"kafka_password_file": "no-such-file"}, "cannot be used: .*no-such-file"),
        ({"kafka_protocol": "SSL", "kafka_authority": "no-such-file"}, "cannot be used: .*No such file"),
        ({"kafka_protocol": "SSL", "kafka_certificate": "file"}, "set both kafka_certificate and kafka_key"),
        (
            {"bootstrap": "kafka:9092", "kafka_protocol": "SASL_PLAINTEXT", "kafka_mechanism": "PLAIN"}
            | {"kafka_user": "u", "kafka_password": "p"},
            "would send the secret unencrypted: use kafka_protocol SASL_SSL",
        ),
    ],
)
def test_settings_that_do_not_fit_are_rejected_with_what_to_do(settings, reason):
    with pytest.raises(ValidationError, match=reason):
        KafkaSettings(**settings)


def test_settings_without_a_place_are_rejected():
    with pytest.raises(ValidationError, match="kafka_protocol needs bootstrap"):
        OptionalKafkaSettings(kafka_protocol="SSL")
    assert OptionalKafkaSettings().kafka_if_set is None


def test_a_password_comes_from_a_file_and_is_never_shown(tmp_path):
    file = tmp_path / "password"
    file.write_text("hidden\n")
    kafka = KafkaSettings(**SASL, kafka_password_file=file).kafka
    assert kafka.client_settings()["sasl_plain_password"] == "hidden"
    settings = KafkaSettings(**SASL, kafka_password="hidden")
    assert "hidden" not in f"{kafka} {kafka!r} {settings!r} {settings.model_dump(mode='json')}"


def test_an_empty_password_file_is_rejected(tmp_path):
    file = tmp_path / "password"
    file.write_text("\n")
    with pytest.raises(ValidationError, match="contains no password"):
        KafkaSettings(**SASL, kafka_password_file=file)
