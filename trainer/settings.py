"""Settings of the offline commands for data sets, training and evaluation. See `har.process.settings`."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import SettingsConfigDict

from har.activity_names import NULL_LABEL, canonical_activity
from har.channels import STABLE, Channel
from har.process.settings import LogFormatSettings
from model_store.settings import DEFAULT_KEYS
from recording_files.settings import RecordingFileSettings
from recording_files.stated import with_options
from recording_files.urls import DataSetPath
from trainer import defaults
from trainer.signal_bounds import require_bounds
from trainer.spark_master import node_count, require_master


def _canonical_classes(stated: list[str]) -> list[str]:
    stated = [name for names in stated for name in names.split(",")]
    classes = [canonical_activity(name) for name in stated]
    if not all(stated):
        raise ValueError("a class has no name; all takes every activity")
    if len(classes) < 2 and classes != ["all"]:
        raise ValueError(f"a network needs two classes or more, not only {', '.join(stated)}; all takes every activity")
    repeated = sorted({name for name in classes if classes.count(name) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)} is given twice")
    for name, canonical in zip(stated, classes, strict=True):
        if canonical == NULL_LABEL != name:
            raise ValueError(f"{name} means none of the classes, so it cannot be a class")
    return classes


#: The labels that a network distinguishes, or `all` alone.
Classes = Annotated[list[str], AfterValidator(_canonical_classes)]


def _canonical_background(stated: list[str]) -> list[str]:
    names = [canonical_activity(name) for names in stated for name in names.split(",") if name.strip()]
    return list(dict.fromkeys(name for name in names if name != NULL_LABEL))


#: Labels of kinds of background; `none` alone for no background.
BackgroundKinds = Annotated[list[str], AfterValidator(_canonical_background)]

#: Names of the protocols of `har cross-validate`.
ProtocolName = Literal[
    "users",
    "leave-one-user-out",
    "leave-one-model-out",
    "data-set-left-out",
    "placement",
    "rate",
    "orientation",
    "leaky",
    "time",
]

#: Bounds of the signal quality, as text.
StatedBounds = Annotated[str, AfterValidator(require_bounds)]
CLASSES_HELP = (
    "classes to distinguish, with commas between, or repeat the option; all for every activity that is recorded often "
    "enough"
)
BACKGROUND_HELP = (
    "labels that the network learns as background, so that it answers unknown for them, with commas between; none for "
    "no background. Labels that the recordings do not show are ignored"
)
BOUNDS_HELP = "least quality of readings, as NAME=VALUE with commas between; unstated bounds keep their defaults"


class DataSetsSettings(RecordingFileSettings):
    """Settings of a command that reads any number of data sets."""

    data: list[DataSetPath] = Field(
        description="path or name of a data set, see docs/data.md; repeat for each data set. Options of its own may "
        "follow within quotes: 'walks.csv --unit g'"
    )

    def stated_data(self) -> tuple[str, ...]:
        """Return the data sets, each with all that is stated about its columns (`recording_files.stated`).

        Raises
        ------
        RecordingError
            If options that follow a path are invalid.
        """
        return with_options(self.data, self.columns())


class EvaluateSettings(RecordingFileSettings):
    """`har evaluate`: measure how well a release classifies a data set."""

    model_config = SettingsConfigDict(env_prefix="HAR_EVALUATE_")

    data: DataSetPath = Field(description="path or name of a data set, see docs/data.md")
    release: str = Field("baseline", description="folder of the release, 'baseline' or 'baseline-open'")
    users: str | None = Field(None, description="evaluate only these users, comma-separated")
    report: Path | None = Field(None, description="also write an HTML report with plots to this file")
    json_output: bool = Field(False, alias="json", description="print JSON only")


class CrossValidateSettings(DataSetsSettings):
    """`har cross-validate`: measure how well training generalises to people that were not trained on."""

    model_config = SettingsConfigDict(env_prefix="HAR_CROSS_VALIDATE_")

    protocol: list[ProtocolName] = Field(
        ["users"],
        description="who is tested, and how: folds by user; one user, model, data set or placement left out; fewer "
        "readings a second, or turned phones, of held-out users; repeat to compare protocols",
    )
    folds: int = Field(5, ge=2, description="folds of the protocol 'users'")
    placement: str | None = Field(None, description="test only people who wore the phone there; train on everybody")
    devices: str | None = Field(
        None, description="test only the people of these devices, comma-separated; train on everybody"
    )
    network: str = Field(defaults.NETWORK, description="conv_features, conv_lstm or origin")
    classes: Classes = Field(list(defaults.CLASSES), description=CLASSES_HELP)
    background: BackgroundKinds = Field(list(defaults.BACKGROUND), description=BACKGROUND_HELP)
    signal_bounds: StatedBounds | None = Field(None, description=BOUNDS_HELP)
    epochs: int = Field(defaults.EPOCHS, ge=1, description="epochs of --windows-per-epoch windows")
    windows_per_epoch: int = Field(defaults.WINDOWS_PER_EPOCH, ge=64, description="windows drawn for each epoch")
    seed: int = Field(defaults.SEED, ge=0, description="seed of the folds, the initial weights and the draws")
    seeds: int = Field(1, ge=1, le=20, description="repeat everything with so many seeds, and report their spread")
    threads: int = Field(defaults.THREADS, ge=1, description="threads TensorFlow may use")
    unknown_cost: float = Field(
        defaults.UNKNOWN_COST, ge=0, lt=1, description="share of the correct predictions that may become unknown"
    )
    output: Path | None = Field(None, description="also write an HTML report with plots to this file")
    json_output: bool = Field(False, alias="json", description="print JSON only")


def seconds_of(text: object) -> object:
    """Convert a duration such as ``90s``, ``30m``, ``24h`` or ``7d`` to seconds; return anything else unchanged.

    Examples
    --------
    >>> seconds_of("24h"), seconds_of("1.5m"), seconds_of(12.0)
    (86400.0, 90.0, 12.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip()) if isinstance(text, str) else None
    return float(found[1]) * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[found[2]] if found else text


Seconds = Annotated[float, BeforeValidator(seconds_of), Field(gt=0)]


class PreparationSettings(DataSetsSettings, LogFormatSettings):
    """Settings that `har prepare` and `har train` share: the recordings, and how they are split into shards."""

    classes: Classes = Field(list(defaults.CLASSES), description=CLASSES_HELP)
    background: BackgroundKinds = Field(list(defaults.BACKGROUND), description=BACKGROUND_HELP)
    signal_bounds: StatedBounds | None = Field(None, description=BOUNDS_HELP)
    held_out_share: float = Field(
        defaults.HELD_OUT_SHARE, gt=0, lt=0.9, description="share of the people held out for validation"
    )
    shards: int = Field(defaults.SHARDS, ge=1, le=4_096, description="files per split; at least as many as executors")
    executors: int = Field(
        2, ge=1, le=1_000, description="Spark executors that train, with one core each; async needs two more"
    )
    master: str | None = Field(
        None, description="Spark master, such as spark://host:7077; by default a cluster on this machine"
    )


class PrepareSettings(PreparationSettings):
    """`har prepare`: cut recordings into shards that `har train` and its executors read."""

    model_config = SettingsConfigDict(env_prefix="HAR_PREPARE_")

    output: Path = Field(description="folder to write; it appears only when it is complete")
    in_process: bool = Field(False, description="prepare without Spark; the recordings must fit into memory")

    @model_validator(mode="after")
    def _reject_unusable_master(self) -> Self:
        if self.master is not None and not self.in_process:
            require_master(self.master, self.executors, at_once=False)
        return self


class TrainSettings(PreparationSettings):
    """`har train`: train a network on recordings, evaluate it on held-out users, and freeze it as a release.

    See docs/training.md.
    """

    model_config = SettingsConfigDict(env_prefix="HAR_TRAIN_")

    output: Path = Field(description="folder of the run; with --every, parent folder of all runs")
    network: str = Field(defaults.NETWORK, description="conv_features, conv_lstm or origin")
    mode: Literal["local", "sync", "async"] = Field(
        "local", description="local: in this process; sync, async: on Spark executors, synchronously or asynchronously"
    )
    epochs: int = Field(defaults.EPOCHS, ge=1, description="epochs of --windows-per-epoch windows")
    windows_per_epoch: int = Field(defaults.WINDOWS_PER_EPOCH, ge=1, description="windows drawn for each epoch")
    batch: int = Field(
        defaults.BATCH, ge=1, description="windows per batch; a step of sync or async takes several batches"
    )
    peak_rate: float = Field(
        defaults.PEAK_RATE, gt=0, description="learning rate after the warm-up, for steps of one batch"
    )
    clip_norm: float = Field(defaults.CLIP_NORM, gt=0, description="gradients are clipped to this norm")
    seed: int = Field(defaults.SEED, ge=0, description="seed of the initial weights and the draws")
    threads: int = Field(defaults.THREADS, ge=1, description="threads TensorFlow may use in mode local")
    resume: bool = Field(False, description="continue the run in --output from its last checkpoint")
    name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
        description="name of the release; by default the network and the time",
    )
    store: str | None = Field(
        None, description="folder or URL of the store; a release that passes the gate is published there"
    )
    online_keys: Path = Field(DEFAULT_KEYS / "online", description="folder of the online keys that sign for the store")
    channel: Channel = Field(STABLE, description="with --store: stable, or canary for a share of the devices")
    share: float = Field(0.1, gt=0, le=1, description="share of the devices that get a canary")
    unknown_cost: float = Field(
        defaults.UNKNOWN_COST, ge=0, lt=1, description="share of the correct predictions that may become unknown"
    )
    time_limit: Seconds = Field(
        defaults.TIME_LIMIT_SECONDS, description="longest training on executors (sync, async), such as 12h"
    )
    every: Seconds | None = Field(None, description="train repeatedly; time from one start to the next, such as 24h")
    enough_minutes: float | None = Field(
        None, gt=0, description="with --every: start early after this many new labelled minutes"
    )
    look_every: Seconds = Field(600, description="with --enough-minutes: interval of checks for new data")
    rounds: int | None = Field(None, ge=1, description="with --every: stop after this many rounds")

    @model_validator(mode="after")
    def _reject_contradictions(self) -> Self:
        if self.mode != "local" and self.shards < self.executors:
            raise ValueError(f"--shards {self.shards} are too few for --executors {self.executors}: each needs its own")
        if self.mode != "local" and self.master is not None:
            require_master(self.master, node_count(self.mode, self.executors), at_once=True)
        if self.every is None and (self.enough_minutes is not None or self.rounds is not None):
            raise ValueError("--enough-minutes and --rounds need --every")
        if self.every is not None and self.store is None:
            raise ValueError("--every needs --store to publish releases")
        if self.every is not None and (self.resume or self.name):
            raise ValueError("--every starts a new run each round: omit --resume and --name")
        return self
