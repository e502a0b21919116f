"""How to connect to Kafka: its servers, the encryption and the credentials, for every client of every service."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


@dataclass(frozen=True)
class KafkaConnection:
    """The servers of Kafka, and how to prove who connects.

    Attributes
    ----------
    bootstrap : str
        Some of Kafka's servers, ``host:port,host:port``.
    protocol : str
        Kafka's ``security.protocol``.
    mechanism : str or None
        How the user proves its identity; None without SASL.
    user : str or None
        The user, for PLAIN and SCRAM.
    password : SecretStr or None
        The user's password, for PLAIN and SCRAM.
    token_file : Path or None
        File with the token of OAUTHBEARER, read again for each connection.
    authority : Path or None
        PEM file with the authorities that may certify the servers; None for those of the system.
    certificate, key : Path or None
        PEM files with a client certificate and its private key.
    key_password : SecretStr or None
        The password of the private key.

    Examples
    --------
    >>> KafkaConnection("kafka-1:9092,kafka-2:9092").servers
    ['kafka-1:9092', 'kafka-2:9092']
    """

    bootstrap: str
    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism | None = None
    user: str | None = None
    password: SecretStr | None = None
    token_file: Path | None = None
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: SecretStr | None = None

    def __str__(self) -> str:
        """Return the servers, for messages."""
        return self.bootstrap

    @property
    def servers(self) -> list[str]:
        """The servers, ``host:port`` each."""
        return self.bootstrap.split(",")

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection uses TLS."""
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def uses_sasl(self) -> bool:
        """Whether the client authenticates by SASL."""
        return self.protocol in ("SASL_PLAINTEXT", "SASL_SSL")

    @property
    def identity(self) -> str:
        """Who connects, for messages."""
        if self.user is not None:
            return f"the user {self.user}"
        if self.token_file is not None:
            return f"the owner of the token in {self.token_file}"
        return "an unknown user" if self.certificate is None else f"the owner of the certificate {self.certificate}"

    @property
    def tried(self) -> str:
        """The protocol and who connects, for messages."""
        return self.protocol if self.mechanism is None else f"{self.protocol}, {self.mechanism} and {self.identity}"

    @property
    def is_authenticated(self) -> bool:
        """Whether Kafka learns who connects."""
        return self.uses_sasl or self.certificate is not None

    def tls_context(self) -> ssl.SSLContext | None:
        """Return the TLS context, which checks the server's certificate and its host name; None for plain text.

        Raises
        ------
        OSError
            If a file cannot be read, or holds no certificate or key.
        """
        if not self.is_encrypted:
            return None
        try:
            context = ssl.create_default_context(cafile=self.authority)
        except OSError as error:  # which names no file
            raise OSError(f"{self.authority}: {error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None:
            try:
                # Without a password, OpenSSL would ask for one on the terminal.
                context.load_cert_chain(self.certificate, self.key, lambda: _revealed(self.key_password) or "")
            except OSError as error:
                raise OSError(f"{self.certificate} and {self.key}: {error}") from error
        return context

    def token(self) -> str:
        """Return the current token of OAUTHBEARER.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If there is no such file in the settings, or it is empty.
        """
        if self.token_file is None:
            raise ValueError("OAUTHBEARER needs a file with a token")
        token = self.token_file.read_text().strip()
        if not token:
            raise ValueError(f"{self.token_file} contains no token")
        return token

    def client_settings(self) -> dict[str, object]:
        """Return the settings that kafka-python and aiokafka have under the same names.

        The tokens of OAUTHBEARER are missing: each client wants a class of its own for them.

        Raises
        ------
        OSError
            If a certificate or a key cannot be read.
        """
        settings: dict[str, object] = {"bootstrap_servers": self.servers, "security_protocol": self.protocol}
        if self.is_encrypted:
            settings["ssl_context"] = self.tls_context()
        if self.uses_sasl:
            settings["sasl_mechanism"] = self.mechanism
        if self.user is not None:
            settings |= {"sasl_plain_username": self.user, "sasl_plain_password": _revealed(self.password)}
        return settings


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
