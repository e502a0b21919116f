"""The settings of the commands that run, prepare and check a whole system. See `har.process.settings`."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, IPvAnyAddress, SecretStr, model_validator
from pydantic_settings import CliPositionalArg, SettingsConfigDict

from har.process.kafka_settings import KafkaSettings, OptionalKafkaSettings
from har.process.settings import DEFAULT_TRUSTED_ROOT, LogSettings, Port, ServiceSettings
from har.rights import DEFAULT_GROUP

#: The command line and the environment provide text, which Literal does not convert to a number.
BrokerCount = Annotated[Literal[1, 3], BeforeValidator(int)]


class TopicsSettings(KafkaSettings):
    """`har topics`: create the Kafka topics that do not exist yet."""

    model_config = SettingsConfigDict(env_prefix="HAR_TOPICS_")

    partitions: int = Field(
        12, ge=1, description="partitions of each topic; the limit of processors that work in parallel"
    )
    replication: int = Field(3, ge=1, description="number of brokers with a copy of each message; 1 on a single broker")
    acls: Literal["print", "apply"] | None = Field(
        None, description="instead of creating topics, print the rights that each service needs (ACLs), or give them"
    )
    principal: str = Field("User:har-{service}", description="with acls: Kafka's name of each service's user")
    group: str = Field(DEFAULT_GROUP, description="with acls: the processors' consumer group")

    @model_validator(mode="after")
    def require_service(self) -> Self:
        """Raise if all services would be the same user, which the least rights of each do not fit."""
        if "{service}" not in self.principal:
            raise ValueError("principal must contain {service}, such as User:CN={service}")
        return self


class KafkaServerSettings(LogSettings):
    """`har kafka`: run Apache Kafka on this machine; needs Java, and Maven the first time."""

    model_config = SettingsConfigDict(env_prefix="HAR_KAFKA_")

    brokers: BrokerCount = Field(
        1, description="number of brokers, 1 or 3; with 3, topics have three replicas and writes need two"
    )
    port: Port = Field(9_092, description="preferred port of the first broker; the next free port if it is in use")
    folder: Path = Field(
        Path(".har/kafka-data"), description="folder of data, properties and log files; used again at the next start"
    )
    partitions: int = Field(12, ge=1, description="partitions of each topic that does not exist yet")


class CompletionSettings(ServiceSettings):
    """`har completion`: print the script with which a shell completes commands and options."""

    model_config = SettingsConfigDict(env_prefix="HAR_COMPLETION_")

    shell: CliPositionalArg[Literal["bash", "zsh", "tcsh"]] = Field(description="the shell that will load the script")


class AuditSettings(KafkaSettings):
    """`har audit`: report whether the stream lost, invented, changed or reordered anything.

    The audit holds everything in memory, about 4 kB per window. On a system that has run for long, audit a part of it
    with --since-seconds.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_AUDIT_")

    journals: Path | None = Field(
        None, description="folder of the senders' journals; without it, batches in Kafka count as acknowledged"
    )
    release: str = Field(
        "baseline", description="release that made the predictions: a folder, 'baseline' or 'baseline-open'"
    )
    store_url: str | None = Field(
        None, description="URL of `har store serve`, to compare windows that personal heads have corrected, too"
    )
    store_token: SecretStr | None = Field(None, description="token that the store asks for")
    trusted_root: Path = Field(
        DEFAULT_TRUSTED_ROOT, description="file with the store's root metadata, obtained over a trusted channel"
    )
    since_seconds: float | None = Field(
        None, gt=0, description="audit only what reached the gateway within this time before now, s"
    )
    wait_seconds: float = Field(
        30, ge=0, description="how long to wait for the next window that is not predicted yet, s"
    )
    tolerance: float = Field(
        0, ge=0, le=1, description="largest allowed difference of a probability; with 0 every bit counts"
    )
    grace_seconds: float = Field(2, gt=0, description="--grace-seconds of the processor, s")
    json_output: bool = Field(False, alias="json", description="print JSON only")

    @model_validator(mode="after")
    def require_one_source(self) -> Self:
        """Raise if journals are to be compared with a part of the log only."""
        if self.journals is not None and self.since_seconds is not None:
            raise ValueError("since_seconds works without journals only: a journal does not record when it was written")
        return self


class DemoSettings(OptionalKafkaSettings):
    """`har demo`: run the whole system on this machine with simulated phones."""

    model_config = SettingsConfigDict(env_prefix="HAR_DEMO_")

    devices: int = Field(
        8, ge=0, le=200, description="number of simulated phones, one process each; 0 for real phones only"
    )
    seed: int = Field(2018, ge=0, description="seed of the simulated phones")
    seconds: float | None = Field(None, gt=0, description="stop after this time, s; by default on Ctrl-C")
    summary: Path | None = Field(None, description="write a summary to this JSON file")
    gateway_port: Port = Field(8600, description="preferred port of the gateway; the next free port if it is in use")
    dashboard_port: Port = Field(
        8700, description="preferred port of the dashboard; the next free port if it is in use"
    )
    segment_seconds: float = Field(12, gt=0, description="duration of each simulated activity, s")
    release: str = Field("baseline", description="folder of the release to serve, 'baseline' or 'baseline-open'")
    bootstrap: str | None = Field(
        None, description="servers of a running Kafka to use instead of the embedded one, host:port,host:port"
    )
    lan: bool = Field(False, description="let phones on the LAN connect, by HTTPS and with enrolment")
    lan_address: IPvAnyAddress | None = Field(
        None, description="address of this machine on the LAN; detected by default"
    )
    authority: Path = Field(Path(".har/local-authority"), description="folder of the local certificate authority")
    archive: str | None = Field(None, description="archive readings and labels in this folder, for `har train --data`")

    @model_validator(mode="after")
    def require_phones_for_a_summary(self) -> Self:
        """Raise if a summary is wanted of no simulated phone."""
        if self.summary is not None and self.devices == 0:
            raise ValueError("summary needs at least one simulated phone: set devices to 1 or more")
        return self
