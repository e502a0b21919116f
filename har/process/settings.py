"""The settings of each service: one typed object, read once from the environment and the command line.

Every field can be given as an environment variable, ``HAR_<SERVICE>_<FIELD>``, or as an option of the
service's command, ``--field``; the option wins. Services bind to loopback unless told otherwise, and
refuse any other address without credentials and encryption (`require_protection`).
"""

import ipaddress
import re
import ssl
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, IPvAnyAddress, RedisDsn, SecretStr, model_validator
from pydantic_settings import BaseSettings, CliPositionalArg, SettingsConfigDict

#: Where `har store init` puts the root that clients trust.
DEFAULT_TRUSTED_ROOT = Path(".har/store-keys/trusted_root.json")

Port = Annotated[int, Field(ge=0, le=65_535)]
#: The command line and the environment give text, which Literal alone does not take for a number.
BrokerCount = Annotated[Literal[1, 3], BeforeValidator(int)]


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
        """Refuse to listen beyond loopback without credentials and encryption."""
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


class ProcessorSettings(KafkaSettings):
    """`har processor`: Faust; windows per device, classified, to Kafka and Redis."""

    model_config = SettingsConfigDict(env_prefix="HAR_PROCESSOR_")

    group: str = Field("har-processor", description="consumer group")
    release: str = Field(
        "baseline", description="folder of the release to serve, or 'baseline'; with a store, until that has one"
    )
    store_url: str | None = Field(None, description="where `har store serve` is, to serve what it says")
    store_token: SecretStr | None = Field(None, description="what the store asks for")
    trusted_root: Path = Field(
        DEFAULT_TRUSTED_ROOT, description="the store's root, which came by a way that is trusted"
    )
    store_interval_seconds: float = Field(300, gt=0, description="how often the store is asked without announcements")
    redis_url: RedisDsn = RedisDsn("redis://127.0.0.1:6379/0")
    web_host: str = "127.0.0.1"
    web_port: Port = Field(8610, description="of the pages /metrics, /live and /ready")
    data_folder: Path = Field(Path(".har/processor"), description="where Faust keeps its files")
    session_timeout_seconds: float = Field(6, gt=0)
    heartbeat_seconds: float = Field(1.5, gt=0)
    fetch_wait_ms: int = Field(500, ge=1, description="longest wait of a fetch that finds nothing")
    grace_seconds: float = Field(2, gt=0, description="how long a missing batch is waited for, event time")
    carry_seconds: float = Field(30, gt=0, description="after this silence a session's last batches are written anew")
    forget_seconds: float = Field(3_600, gt=0, description="a silent session's window state is dropped after this")
    hold_seconds: float = Field(
        120, gt=0, description="a session that sends for so long within one window's time loses what is held of it"
    )
    latest_seconds: int = Field(60, ge=1, description="how long Redis keeps a device's latest prediction")
    classify_batch: int = Field(64, ge=1, description="most windows classified in one call")
    max_waiting_batches: int = Field(
        2_048, ge=1, description="batches whose windows are not classified yet; at the limit no more is read from Kafka"
    )
    stall_seconds: float = Field(60, gt=0, description="a partition that does not move for so long ends the worker")
    inference_threads: int = Field(1, ge=1)
    max_sessions: int = Field(20_000, ge=1, description="of a partition; beyond, the one silent for longest is dropped")

    @model_validator(mode="after")
    def require_loopback(self) -> Self:
        """Refuse to show Faust's page beyond loopback: it knows no credentials."""
        if not is_loopback(self.web_host):
            raise ValueError(f"web_host {self.web_host}: Faust's page has no credentials and is for loopback only")
        return self


class DashboardSettings(ListeningSettings):
    """`har dashboard`: the live page."""

    model_config = SettingsConfigDict(env_prefix="HAR_DASHBOARD_")

    port: Port = 8700
    redis_url: RedisDsn = RedisDsn("redis://127.0.0.1:6379/0")
    history_seconds: int = Field(300, ge=10, description="how far back timelines go")
    max_browsers: int = Field(200, ge=1)
    gateway_url: str | None = Field(
        None, description="the gateway, such as http://127.0.0.1:8600: who sees the page may then label and add phones"
    )
    gateway_token: SecretStr | None = Field(None, description="the operator's token of the gateway")


class SenderSettings(ServiceSettings):
    """What every sender of readings needs to know."""

    gateway: str = Field("ws://127.0.0.1:8600/v1/samples", description="the gateway's URL")
    token: SecretStr | None = Field(None, description="what the gateway asks for beyond loopback")
    journal: Path | None = Field(None, description="folder to record every acknowledged batch in")


class SimulateSettings(SenderSettings):
    """`har simulate`: simulated wearers stream to the gateway."""

    model_config = SettingsConfigDict(env_prefix="HAR_SIMULATE_")

    devices: int = Field(8, ge=1, description="how many phones")
    first: int = Field(0, ge=0, description="number of the first phone; with the seed it says who wears it")
    seed: int = Field(2018, ge=0)
    seconds: float | None = Field(None, gt=0, description="stop after this time; without it, on Ctrl-C")
    segment_seconds: float = Field(12, gt=0, description="how long each activity lasts")
    batch_readings: int = Field(50, ge=1, le=1_000, description="readings a batch")
    finish_seconds: float = Field(5, ge=0, description="how long phones that are stopped wait for their answers")


class ReplaySettings(SenderSettings):
    """`har replay FILE`: a recording streams to the gateway as if it were happening now."""

    model_config = SettingsConfigDict(env_prefix="HAR_REPLAY_")

    file: CliPositionalArg[Path] = Field(description="HHAR CSV, or Parquet with user,device,model,session,t,x,y,z,gt")
    speed: float = Field(1, gt=0, description="1 is real time; 10 is ten times as fast; 0 < speed")
    devices: int | None = Field(None, ge=1, description="replay the first N (user, session) recordings only")
    user: str | None = Field(None, description="replay these users only, comma-separated")
    batch_readings: int = Field(50, ge=1, le=1_000, description="readings a batch")
    quiet: bool = Field(False, description="no progress bar")


class TopicsSettings(KafkaSettings):
    """`har topics`: create the Kafka topics that do not exist yet."""

    model_config = SettingsConfigDict(env_prefix="HAR_TOPICS_")

    partitions: int = Field(12, ge=1, description="of each topic; at most so many processors work side by side")
    replication: int = Field(3, ge=1, description="brokers that hold each message; 1 on a single broker")


class KafkaServerSettings(ServiceSettings):
    """`har kafka`: Apache Kafka on this machine, of one broker or three; needs Java, and Maven the first time."""

    model_config = SettingsConfigDict(env_prefix="HAR_KAFKA_")

    brokers: BrokerCount = Field(1, description="1 or 3; with 3, topics have three replicas and writes need two")
    port: Port = Field(9_092, description="of the first broker, preferred; the next free one is taken if it is busy")
    folder: Path = Field(Path(".har/kafka-data"), description="data, properties and log files; used again next time")
    partitions: int = Field(12, ge=1, description="of each topic that does not exist yet")


class AuditSettings(KafkaSettings):
    """`har audit`: tell whether the stream lost, invented, changed or disordered anything.

    All that is audited is held in memory, about 4 kB a window: on a system that has run for long, audit a part
    of it with --since-seconds.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_AUDIT_")

    journals: Path | None = Field(None, description="senders' journals; without them, what Kafka holds counts as known")
    release: str = Field("baseline", description="folder of the release that answered, or 'baseline'")
    since_seconds: float | None = Field(None, gt=0, description="audit only what reached the gateway since then")
    wait_seconds: float = Field(30, ge=0, description="how long windows that are not answered yet are waited for")
    tolerance: float = Field(0, ge=0, le=1, description="largest difference of a probability; with 0 every bit counts")
    grace_seconds: float = Field(2, gt=0, description="the processor's --grace-seconds")
    json_output: bool = Field(False, alias="json", description="print JSON only")

    @model_validator(mode="after")
    def require_one_source(self) -> Self:
        """Refuse to compare whole journals with a part of the log."""
        if self.journals is not None and self.since_seconds is not None:
            raise ValueError("since_seconds is for audits without journals: a journal does not say when it was written")
        return self


class DemoSettings(ServiceSettings):
    """`har demo`: the whole system on this machine."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEMO_")

    devices: int = Field(8, ge=1, le=200, description="simulated phones, a process each")
    seed: int = Field(2018, ge=0)
    seconds: float | None = Field(None, gt=0, description="stop after this time; without it, on Ctrl-C")
    summary: Path | None = Field(None, description="write what happened to this JSON file")
    gateway_port: Port = Field(8600, description="preferred; the next free one is taken if it is busy")
    dashboard_port: Port = Field(8700, description="preferred; the next free one is taken if it is busy")
    segment_seconds: float = Field(12, gt=0, description="how long each simulated activity lasts")
    release: str = Field("baseline", description="folder of the release to serve, or 'baseline'")
    bootstrap: str | None = Field(None, description="use this Kafka, host:port,host:port, instead of the embedded one")
    lan: bool = Field(False, description="let phones of the local network in, by HTTPS and with enrolment")
    lan_address: IPvAnyAddress | None = Field(None, description="this machine's address there, if it is not found")
    authority: Path = Field(Path(".har/local-authority"), description="folder of the authority that phones trust")
    archive: str | None = Field(None, description="keep what is collected in this folder, for `har train --data`")
