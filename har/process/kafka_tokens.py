"""The tokens of OAUTHBEARER for kafka-python."""

from har.process.kafka_connection import KafkaConnection


def token_provider(kafka: KafkaConnection) -> object:
    """Return what kafka-python asks for a token at each connection."""
    from kafka.net.sasl.oauth import AbstractTokenProvider  # noqa: PLC0415  (only with OAUTHBEARER)

    class TokenFile(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python has no types
        def token(self) -> str:
            return kafka.token()

    return TokenFile()
