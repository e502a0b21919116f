"""The base of each service's settings: one typed object, read once from the environment and the command line.

Each field can be set by an environment variable, ``HAR_<SERVICE>_<FIELD>``, or by an option of the service's command,
``--field``; the option takes precedence. Services bind to loopback by default. They reject any other address without
credentials and encryption (`ListeningSettings.require_protection`).
"""

import ipaddress
import re
import ssl
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from har.process.addresses import checked_url, host_and_port

#: Where `har store init` writes the root metadata that clients trust.
DEFAULT_TRUSTED_ROOT = Path(".har/store-keys/trusted_root.json")

LogLevel = Literal["debug", "info", "warning", "error"]
Port = Annotated[int, Field(ge=0, le=65_535)]


def is_loopback(host: str) -> bool:
    """Return whether an address is reachable from this machine only.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("[::1]"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


class ServiceSettings(BaseSettings):
    """Base of all settings: unknown fields are errors, and objects are immutable."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
        env_prefix_target="all",  # without it, the variable of an option with an alias has no prefix
    )

    def changed(self) -> dict[str, str]:
        """Return the settings that differ from their defaults, with secrets masked."""
        fields, shown = type(self).model_fields, self.all_shown()
        return {
            name: text
            for name, text in shown.items()
            if getattr(self, name) != fields[name].get_default(call_default_factory=True)
        }

    def all_shown(self) -> dict[str, str]:
        """Return all settings as text, with secrets masked."""
        values = self.model_dump(mode="json")
        return {name: masked_url(str(values[name])) for name in type(self).model_fields}


def masked_url(value: str) -> str:
    """Return a text in which the passwords of a URL are masked, those before its host and those in its query.

    Examples
    --------
    >>> masked_url("redis://:secret@cache:6379/0"), masked_url("postgresql://h/d?user=u&password=secret")
    ('redis://**********@cache:6379/0', 'postgresql://h/d?user=u&password=**********')
    """
    without_credentials = re.sub(r"://[^\s@]*@", "://**********@", value)
    return re.sub(r"(password|secret|token)=[^&\s]*", r"\1=**********", without_credentials, flags=re.IGNORECASE)


class LogFormatSettings(ServiceSettings):
    """Settings of a command that runs for long and reports its progress on standard error."""

    log_format: Literal["text", "json"] = Field("text", description="form of a line of the log: text or a JSON object")


class LogSettings(LogFormatSettings):
    """Settings of a command that writes a log to standard error."""

    log_level: LogLevel = Field(
        "info", description="the least severe level to log; with debug, the line of the start lists all settings"
    )


class ListeningSettings(LogSettings):
    """Settings of a service that listens on a port."""

    host: str = Field("127.0.0.1", description="address to bind to")
    port: Port = Field(0, description="port to bind to; 0 for a free one")
    tls_certificate: Path | None = Field(None, description="PEM file with the TLS certificate")
    tls_key: Path | None = Field(None, description="PEM file with the certificate's private key")
    behind_proxy: bool = Field(
        False, description="a reverse proxy terminates TLS, so plain text beyond loopback is allowed"
    )
    public_url: str | None = Field(
        None,
        description="address of the service as its clients reach it, with the path at which a reverse proxy serves it, "
        "such as https://example.org/har; None for the address it listens on",
    )
    token: SecretStr | None = Field(
        None, description="token that clients present as Authorization: Bearer; the dashboard's password"
    )

    @field_validator("public_url")
    @classmethod
    def check_public_url(cls, url: str | None) -> str | None:
        """Raise if it is not an address of HTTP; remove a slash at its end."""
        return None if url is None else checked_url(url)

    @model_validator(mode="after")
    def require_protection(self) -> Self:
        """Raise if the service would listen beyond loopback without credentials or encryption."""
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("set both tls_certificate and tls_key, or neither")
        if is_loopback(self.host):
            return self
        if not self.asks_for_credentials:
            raise ValueError(f"listening on {self.host} needs a token; without a token only loopback is allowed")
        if self.tls_certificate is None and not self.behind_proxy:
            raise ValueError(
                f"listening on {self.host} needs tls_certificate and tls_key, "
                "or behind_proxy if a reverse proxy terminates TLS"
            )
        return self

    @property
    def asks_for_credentials(self) -> bool:
        """Whether clients must present credentials."""
        return self.token is not None

    @property
    def path_prefix(self) -> str:
        """The path at which a reverse proxy serves the service, such as ``/har``; empty for none."""
        return "" if self.public_url is None else urlsplit(self.public_url).path

    def origin(self, port: int) -> str:
        """Return the address that the service listens on, such as ``https://[::1]:8700``.

        Parameters
        ----------
        port : int
            The bound port.
        """
        scheme = "http" if self.tls_certificate is None else "https"
        return f"{scheme}://{host_and_port(self.host, port)}"

    def tls_context(self) -> ssl.SSLContext | None:
        """Return the TLS context, or None for plain text.

        Raises
        ------
        OSError
            If the certificate or its key cannot be read.
        """
        if self.tls_certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.tls_certificate, self.tls_key)
        except OSError as error:  # which names no file
            files = f"{self.tls_certificate} and {self.tls_key}"
            raise OSError(f"cannot use --tls-certificate and --tls-key, {files}: {error}") from error
        return context
