"""The settings of the offline commands: data sets, training, evaluation. See `har.process.settings`."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import CliPositionalArg, CliSubCommand, SettingsConfigDict

from har.answers import UNKNOWN
from har.channels import STABLE, Channel
from har.process.settings import ServiceSettings
from model_store.settings import DEFAULT_KEYS


def _reject_unusable_classes(classes: list[str]) -> list[str]:
    repeated = sorted({name for name in classes if classes.count(name) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)} is given twice")
    if UNKNOWN in classes:
        raise ValueError(f"{UNKNOWN} is the answer for what is none of the classes, and cannot be one")
    return classes


#: The activities that HAPT, the pocket recordings and HHAR all have; HHAR has cycling, too.
DEFAULT_CLASSES = ("sit", "stand", "walk", "stairsup", "stairsdown")
#: The labels of the activities to tell apart.
Classes = Annotated[list[str], Field(min_length=2), AfterValidator(_reject_unusable_classes)]


class EvaluateSettings(ServiceSettings):
    """`har evaluate`: how right a release is on a recording."""

    model_config = SettingsConfigDict(env_prefix="HAR_EVALUATE_")

    data: Path = Field(description="any data set, see docs/data.md")
    release: str = Field("baseline", description="folder of the release, or 'baseline'")
    user: str | None = Field(None, description="only these users, comma-separated")
    report: Path | None = Field(None, description="also write an HTML report with pictures to this file")
    json_output: bool = Field(False, alias="json", description="print JSON only")


class FetchSettings(ServiceSettings):
    """`har data fetch`: download a public data set, check it, and convert it to Parquet.

    A broken download is taken up where it broke. The addresses and terms of the data sets are in docs/data.md.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_FETCH_")

    name: CliPositionalArg[Literal["hhar", "hapt"]] = Field(description="which: hhar or hapt")
    output: Path = Field(
        Path(".har/data"), description="folder for NAME.parquet; `--data NAME` looks in the default one"
    )
    url: str | None = Field(None, description="where the archive is, if not where it was published")
    keep_null: bool = Field(True, description="keep readings that show none of the activities")
    keep_archive: bool = Field(True, description="keep NAME.zip beside NAME.parquet")
    silence_seconds: float = Field(30, gt=0, description="a connection that is silent for so long is broken")
    attempts: int = Field(5, ge=1, description="connections in a row that bring nothing, until it gives up")
    pause_seconds: float = Field(1, ge=0, description="before the second attempt; doubled before each further one")
    quiet: bool = Field(False, description="no progress bar")


class ReportSettings(ServiceSettings):
    """`har data report`: show data sets as a page with pictures, and what is wrong with them."""

    model_config = SettingsConfigDict(env_prefix="HAR_REPORT_")

    data: list[Path] = Field(description="any data set, see docs/data.md; give the option once each")
    output: Path = Field(Path("report.html"), description="the page")
    rate_hz: float | None = Field(None, gt=0, description="the rate that all the phones are said to have")
    fewest_windows: int = Field(20, ge=1, description="of a user, or a user's activity; fewer are pointed out")


class DataSettings(ServiceSettings):
    """`har data`: fetch public data sets, and report what a data set holds."""

    model_config = SettingsConfigDict(env_prefix="HAR_DATA_")

    fetch: CliSubCommand[FetchSettings] = Field(description="download a public data set")
    report: CliSubCommand[ReportSettings] = Field(description="write a page with pictures of what data sets hold")


class CrossValidateSettings(ServiceSettings):
    """`har cross-validate`: how right a way of training is on people that it has not seen."""

    model_config = SettingsConfigDict(env_prefix="HAR_CROSS_VALIDATE_")

    data: list[Path] = Field(description="any data set, see docs/data.md; give the option once each")
    protocol: list[Literal["users", "leave-one-user-out", "leave-one-model-out", "leaky", "time"]] = Field(
        ["users"], description="give the option once a protocol, to see them side by side"
    )
    folds: int = Field(5, ge=2, description="of the protocol 'users'")
    placement: str | None = Field(None, description="test only who wore the phone there; train on everybody")
    device: str | None = Field(None, description="test only this device's people; train on everybody")
    network: str = Field("conv_lstm", description="conv_lstm or origin")
    classes: Classes = Field(list(DEFAULT_CLASSES), description="labels to tell apart; once each")
    epochs: int = Field(16, ge=1)
    windows_per_epoch: int = Field(9_600, ge=64, description="windows drawn for each epoch")
    seed: int = Field(0, ge=0)
    threads: int = Field(2, ge=1, description="threads TensorFlow may use")
    unknown_cost: float = Field(0.02, ge=0, lt=1, description="share of the right answers that unknown may cost")
    output: Path | None = Field(None, description="also write an HTML report with pictures to this file")
    json_output: bool = Field(False, alias="json", description="print JSON only")


def seconds_of(text: object) -> object:
    """Read a length of time such as ``90s``, ``30m``, ``24h`` or ``7d``; anything else is left to the field to judge.

    Examples
    --------
    >>> seconds_of("24h"), seconds_of("1.5m"), seconds_of(12.0)
    (86400.0, 90.0, 12.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip()) if isinstance(text, str) else None
    return float(found[1]) * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[found[2]] if found else text


Seconds = Annotated[float, BeforeValidator(seconds_of), Field(gt=0)]


class PreparationSettings(ServiceSettings):
    """What `har prepare` and `har train` share: which recordings, and how they become shards."""

    data: list[Path] = Field(description="any data set, see docs/data.md; give the option once each")
    classes: Classes = Field(
        list(DEFAULT_CLASSES), description="the activities to tell apart; give the option once each"
    )
    held_out_share: float = Field(0.2, gt=0, lt=0.9, description="share of the people that are kept for validation")
    shards: int = Field(16, ge=1, le=4_096, description="files of each split; at least as many as executors")
    executors: int = Field(
        2, ge=1, le=1_000, description="Spark executors that train, of one core each; async takes two more"
    )
    master: str | None = Field(
        None, description="Spark's master, as spark://host:7077; a cluster on this machine, if not given"
    )


class PrepareSettings(PreparationSettings):
    """`har prepare`: cut recordings into shards that `har train` and its executors read by themselves."""

    model_config = SettingsConfigDict(env_prefix="HAR_PREPARE_")

    output: Path = Field(description="the prepared folder; it appears only when it is complete")
    in_process: bool = Field(False, description="without Spark; the recordings must fit into memory")


class TrainSettings(PreparationSettings):
    """`har train`: train a network on recordings, evaluate it on held-out users, and freeze it as a release.

    See docs/training.md.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_TRAIN_")

    output: Path = Field(description="folder of the run; with --every, of all runs")
    network: str = Field("conv_lstm", description="conv_lstm or origin")
    mode: Literal["local", "sync", "async"] = Field(
        "local", description="on this machine without Spark, or over the executors in step or out of step"
    )
    epochs: int | None = Field(None, ge=1, description="rounds of --windows-per-epoch windows; 16, if not given")
    windows_per_epoch: int | None = Field(
        None, ge=1, description="windows that are drawn for each epoch; 9,600, if not given"
    )
    batch: int | None = Field(
        None, ge=1, description="windows in a batch; 64, if not given; steps of sync and async take several"
    )
    peak_rate: float | None = Field(
        None, gt=0, description="learning rate after the warm-up, for steps of one batch; 0.003, if not given"
    )
    clip_norm: float | None = Field(None, gt=0, description="gradients are shortened to this norm; 1, if not given")
    seed: int = Field(0, ge=0)
    threads: int = Field(2, ge=1, description="threads TensorFlow may use in mode local")
    resume: bool = Field(False, description="go on with the run in --output from its last checkpoint")
    name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
        description="the release's name; the network's and the time, if not given",
    )
    store: str | None = Field(
        None, description="folder or URL of the store to publish into, if the release passes the gate"
    )
    online_keys: Path = Field(DEFAULT_KEYS / "online", description="folder of the keys that sign for the store")
    channel: Channel = Field(STABLE, description="with --store: stable, or canary for a share of the devices")
    share: float = Field(0.1, gt=0, le=1, description="of the devices, for a canary")
    unknown_cost: float = Field(0.02, ge=0, lt=1, description="share of the right answers that unknown may cost")
    time_limit: Seconds = Field(172_800, description="how long training over executors (sync, async) may take, as 12h")
    every: Seconds | None = Field(None, description="run again and again, so long from start to start, as 24h")
    enough_minutes: float | None = Field(
        None, gt=0, description="with --every: run earlier when so many labelled minutes are new"
    )
    look_every: Seconds = Field(600, description="with --enough-minutes: how often the data are looked at")
    rounds: int | None = Field(None, ge=1, description="with --every: stop after so many rounds")

    @model_validator(mode="after")
    def _reject_contradictions(self) -> Self:
        if self.mode != "local" and self.shards < self.executors:
            raise ValueError(f"--shards {self.shards} are too few for --executors {self.executors}: each reads its own")
        if self.every is None and (self.enough_minutes is not None or self.rounds is not None):
            raise ValueError("--enough-minutes and --rounds say when to run again: they need --every")
        if self.every is not None and self.store is None:
            raise ValueError("--every publishes what passes the gate: it needs --store")
        if self.every is not None and (self.resume or self.name):
            raise ValueError("--every begins a run of its own each time: it allows neither --resume nor --name")
        return self
