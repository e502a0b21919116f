"""The settings of the commands that run, prepare and check a whole system. See `har.process.settings`."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, IPvAnyAddress, model_validator
from pydantic_settings import SettingsConfigDict

from har.process.settings import KafkaSettings, Port, ServiceSettings

#: The command line and the environment give text, which Literal alone does not take for a number.
BrokerCount = Annotated[Literal[1, 3], BeforeValidator(int)]


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
        """Reject to compare whole journals with a part of the log."""
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
