"""The settings with which every service and command connects to Kafka."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from har.process.kafka_connection import KafkaConnection, Mechanism, Protocol
from har.process.settings import LogSettings, is_loopback

#: Mechanisms that send the secret itself.
_REVEALING = ("PLAIN", "OAUTHBEARER")
_CREDENTIALS = ("kafka_mechanism", "kafka_user", "kafka_password", "kafka_password_file", "kafka_token_file")
_CERTIFICATES = ("kafka_authority", "kafka_certificate", "kafka_key", "kafka_key_password")


class OptionalKafkaSettings(LogSettings):
    """Settings of a service that connects to Kafka if it is told where Kafka is."""

    bootstrap: str | None = Field(None, description="Kafka's bootstrap servers, host:port,host:port")
    kafka_protocol: Protocol = Field(
        "PLAINTEXT", description="Kafka's security.protocol: SSL encrypts, SASL_… authenticates by user or token"
    )
    kafka_mechanism: Mechanism | None = Field(None, description="SASL mechanism with which the user authenticates")
    kafka_user: str | None = Field(None, min_length=1, description="user in Kafka, for PLAIN and SCRAM")
    kafka_password: SecretStr | None = Field(
        None, min_length=1, description="the user's password; others can read a command line, so use the environment"
    )
    kafka_password_file: Path | None = Field(None, description="file with the user's password")
    kafka_token_file: Path | None = Field(
        None, description="file with the token of OAUTHBEARER, read again for each connection"
    )
    kafka_authority: Path | None = Field(
        None, description="PEM file with the authorities that may certify Kafka's servers; the system's by default"
    )
    kafka_certificate: Path | None = Field(None, description="PEM file with a client certificate, for Kafka")
    kafka_key: Path | None = Field(None, description="PEM file with the private key of the client certificate")
    kafka_key_password: SecretStr | None = Field(None, description="password of that private key")

    @field_validator("bootstrap")
    @classmethod
    def require_ports(cls, value: str | None) -> str | None:
        """Raise if a server is not ``host:port``."""
        for server in [] if value is None else value.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdecimal() or int(port) > 65_535:
                raise ValueError(f"{server!r} is not HOST:PORT; separate several servers by commas")
        return value

    @model_validator(mode="after")
    def require_agreement(self) -> Self:
        """Raise if settings contradict each other, are missing, or name files that cannot be used."""
        if self.bootstrap is None:
            self._reject_each(("kafka_protocol", *_CREDENTIALS, *_CERTIFICATES), "needs bootstrap")
            return self
        if "SASL" not in self.kafka_protocol:
            self._reject_each(_CREDENTIALS, "needs kafka_protocol SASL_SSL or SASL_PLAINTEXT")
        else:
            self._check_credentials()
        if "SSL" not in self.kafka_protocol:
            self._reject_each(_CERTIFICATES, "needs kafka_protocol SSL or SASL_SSL")
        if (self.kafka_certificate is None) != (self.kafka_key is None):
            raise ValueError("set both kafka_certificate and kafka_key, or neither")
        try:
            connection = self._connection(self.bootstrap)
            connection.tls_context()
            if self.kafka_token_file is not None:
                connection.token()
        except OSError as error:
            raise ValueError(f"the files for the connection to Kafka cannot be used: {error}") from error
        return self

    def _reject_each(self, names: tuple[str, ...], reason: str) -> None:
        for name in names:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} {reason}")

    def _check_credentials(self) -> None:
        if self.kafka_mechanism is None:
            raise ValueError(f"kafka_protocol {self.kafka_protocol} needs kafka_mechanism, such as SCRAM-SHA-512")
        if self.kafka_mechanism == "OAUTHBEARER":
            self._reject_each(_CREDENTIALS[1:4], "does not go with OAUTHBEARER, which needs kafka_token_file alone")
            if self.kafka_token_file is None:
                raise ValueError("kafka_mechanism OAUTHBEARER needs kafka_token_file")
        else:
            self._reject_each(("kafka_token_file",), "needs kafka_mechanism OAUTHBEARER")
            if self.kafka_user is None:
                raise ValueError(f"kafka_mechanism {self.kafka_mechanism} needs kafka_user")
            if (self.kafka_password is None) == (self.kafka_password_file is None):
                raise ValueError(
                    f"kafka_mechanism {self.kafka_mechanism} needs kafka_password or kafka_password_file, and not both"
                )
        if self.kafka_protocol == "SASL_PLAINTEXT" and self.kafka_mechanism in _REVEALING:
            hosts = [server.strip().rpartition(":")[0] for server in (self.bootstrap or "").split(",")]
            if not all(map(is_loopback, hosts)):
                raise ValueError(
                    f"kafka_mechanism {self.kafka_mechanism} would send the secret unencrypted: "
                    "use kafka_protocol SASL_SSL, or a SCRAM mechanism"
                )

    def _connection(self, bootstrap: str) -> KafkaConnection:
        password = self.kafka_password
        if self.kafka_password_file is not None:
            password = SecretStr(self.kafka_password_file.read_text().strip())
            if not password.get_secret_value():
                raise ValueError(f"{self.kafka_password_file} contains no password")
        return KafkaConnection(
            ",".join(server.strip() for server in bootstrap.split(",")),
            self.kafka_protocol,
            self.kafka_mechanism,
            self.kafka_user,
            password,
            self.kafka_token_file,
            self.kafka_authority,
            self.kafka_certificate,
            self.kafka_key,
            self.kafka_key_password,
        )

    @property
    def kafka_if_set(self) -> KafkaConnection | None:
        """How to connect to Kafka; None if the settings do not say where it is.

        Raises
        ------
        OSError
            If the file with the password cannot be read.
        """
        return None if self.bootstrap is None else self._connection(self.bootstrap)


class KafkaSettings(OptionalKafkaSettings):
    """Settings of a service that connects to Kafka."""

    bootstrap: str = Field("127.0.0.1:9092", description="Kafka's bootstrap servers, host:port,host:port")

    @property
    def kafka(self) -> KafkaConnection:
        """How to connect to Kafka.

        Raises
        ------
        OSError
            If the file with the password cannot be read.
        """
        return self._connection(self.bootstrap)
