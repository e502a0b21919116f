"""The settings of each service: one typed object, read once from the environment and the command line.

Every field can be given as an environment variable, ``HAR_<SERVICE>_<FIELD>``, or as an option of the
service's command, ``--field``; the option wins. Services bind to loopback unless told otherwise, and
reject any other address without credentials and encryption (`require_protection`).
"""

import ipaddress
import re
import ssl
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

#: Where `har store init` puts the root that clients trust.
DEFAULT_TRUSTED_ROOT = Path(".har/store-keys/trusted_root.json")

Port = Annotated[int, Field(ge=0, le=65_535)]


def is_loopback(host: str) -> bool:
    """Tell whether binding to `host` is reachable from this machine only.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ServiceSettings(BaseSettings):
    """What all settings objects share: unknown fields are errors, and nothing changes after the start."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    def describe(self) -> str:
        """Return all settings on one line, secrets masked."""
        said = " ".join(f"{name}={value}" for name, value in self.model_dump(mode="json").items())
        return re.sub(r"://[^@/ ]*@", "://**********@", said)  # a password within a URL


class ListeningSettings(ServiceSettings):
    """Settings of a service that listens.

    Attributes
    ----------
    host, port
        Address to bind to; port 0 takes a free one.
    tls_certificate, tls_key
        PEM files.
    behind_proxy
        A reverse proxy in front ends TLS: plain text may then be bound beyond loopback.
    token
        What clients must present as ``Authorization: Bearer``; the dashboard takes it as a password.
    """

    host: str = "127.0.0.1"
    port: Port = 0
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    token: SecretStr | None = None

    @model_validator(mode="after")
    def require_protection(self) -> Self:
        """Reject to listen beyond loopback without credentials and encryption."""
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together")
        if is_loopback(self.host):
            return self
        if not self.asks_for_credentials:
            raise ValueError(f"listening on {self.host} needs a token; without one only loopback is allowed")
        if self.tls_certificate is None and not self.behind_proxy:
            raise ValueError(
                f"listening on {self.host} needs tls_certificate and tls_key, "
                "or behind_proxy if a proxy in front ends TLS"
            )
        return self

    @property
    def asks_for_credentials(self) -> bool:
        """Whether nobody is let in who shows nothing."""
        return self.token is not None

    def tls_context(self) -> ssl.SSLContext | None:
        """Return how to encrypt, or None for plain text.

        Raises
        ------
        OSError
            If the certificate or its key cannot be read.
        """
        if self.tls_certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.tls_certificate, self.tls_key)
        return context


class KafkaSettings(ServiceSettings):
    """Where Kafka is."""

    bootstrap: str = Field("127.0.0.1:9092", description="Kafka's bootstrap servers, host:port,host:port")
