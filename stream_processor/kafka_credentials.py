"""Credentials and encryption of a connection to Kafka, as Faust and aiokafka take them."""

from typing import Any

from aiokafka.abc import AbstractTokenProvider
from faust.auth import Credentials, OAuthCredentials, SASLCredentials, SSLCredentials

from har.process.kafka_connection import KafkaConnection

OAUTHBEARER = "OAUTHBEARER"


class _TokenFile(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, kafka: KafkaConnection) -> None:
        self._kafka = kafka

    async def token(self) -> str:
        return self._kafka.token()  # a small local file


def aiokafka_settings(kafka: KafkaConnection) -> dict[str, Any]:
    """Return the settings of aiokafka's clients for a connection.

    Raises
    ------
    OSError
        If a certificate or a key cannot be read.
    """
    settings = kafka.client_settings()
    if kafka.uses_sasl and kafka.mechanism == OAUTHBEARER:
        settings["sasl_oauth_token_provider"] = _TokenFile(kafka)
    return settings


def faust_credentials(kafka: KafkaConnection) -> Credentials | None:
    """Return a Faust app's credentials for a connection; None for plain text without a user.

    Raises
    ------
    OSError
        If a certificate or a key cannot be read.
    """
    context = kafka.tls_context()
    if not kafka.uses_sasl:
        return None if context is None else SSLCredentials(context)
    if kafka.mechanism == OAUTHBEARER:
        return OAuthCredentials(oauth_cb=_TokenFile(kafka), ssl_context=context)
    assert kafka.password is not None
    return SASLCredentials(
        username=kafka.user,
        password=kafka.password.get_secret_value(),
        mechanism=kafka.mechanism,
        ssl_context=context,
    )
