"""What a run was asked for and who took part: ``run.json`` in the run's folder."""

from __future__ import annotations

import os
import platform
import socket
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Self

import msgspec

from har.process.whole_files import part_of, write_whole
from har.recordings import RecordingError
from trainer.distributed.cluster import ClusterNode
from trainer.request import TrainRequest
from trainer.runs.folder import RunFolder, WorkerReport

#: What the result depends on besides this project.
_LIBRARIES = (
    "har-stream",
    "tensorflow",
    "tf-keras",
    "numpy",
    "pyspark",
    "tensorflowonspark",
    "tf2onnx",
    "ai-edge-litert",
)


class RunError(RecordingError):
    """A run's folder that cannot be used as it was asked; the text says what to do."""


class Attempt(msgspec.Struct, frozen=True):
    """One try to train: the first, or a resumption.

    Attributes
    ----------
    began, ended : str
        ISO 8601 times, UTC.
    outcome : str
        ``finished``, or what went wrong.
    nodes : list of ClusterNode
        TensorFlowOnSpark's `cluster_info`; empty without Spark, and where training did not finish.
    processes : list of WorkerReport
        What each process said of itself: its pid, its shards and their windows.
    """

    began: str
    ended: str
    outcome: str
    nodes: list[ClusterNode]
    processes: list[WorkerReport]


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of a run besides its curves.

    Attributes
    ----------
    release : str
        The name that the release gets.
    request : TrainRequest
        What was asked for.
    versions : dict of str to str
        Of Python and the libraries.
    machine : str
        Where it was started.
    attempts : list of Attempt
        Every try to train, but those whose process was killed.
    """

    release: str
    request: TrainRequest
    versions: dict[str, str]
    machine: str
    attempts: list[Attempt] = []

    @classmethod
    def of(cls, request: TrainRequest, release: str | None) -> Self:
        """Begin a record, on this machine."""
        name = release or f"{request.network}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        versions = {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
        machine = f"{socket.gethostname()}: {platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
        return cls(release=name, request=request, versions=versions, machine=machine)


def begin_record(folder: RunFolder, request: TrainRequest, release: str | None, *, resume: bool) -> RunRecord:
    """Make a run's folder with its record, or read the record of a run that goes on.

    Raises
    ------
    RunError
        If the folder exists and nobody asked to resume, or the run was asked for something else, or its release has
        another name than `release`.
    """
    if folder.settings.exists():
        if not resume:
            raise RunError(f"{folder.path} holds a run already: choose another --output, or go on with it by --resume")
        record = read_record(folder)
        _reject_other_request(folder, record.request, request)
        if release is not None and release != record.release:
            raise RunError(
                f"the release of {folder.path} is called {record.release} and cannot become {release}: leave --name "
                "out, or begin a new run"
            )
        return record
    # Where the process writes already, what it holds, and a record that was cut short.
    own = {folder.logs, folder.lock, part_of(folder.settings)}
    if folder.path.exists() and set(folder.path.iterdir()) - own:
        raise RunError(f"{folder.path} is not empty and holds no run: choose another --output")
    folder.path.mkdir(parents=True, exist_ok=True)
    record = RunRecord.of(request, release)
    write_record(folder, record)
    return record


def read_record(folder: RunFolder) -> RunRecord:
    """Read a run's record.

    Raises
    ------
    RunError
        If there is none that this version can read.
    """
    try:
        return msgspec.json.decode(folder.settings.read_bytes(), type=RunRecord)
    except OSError as error:
        raise RunError(f"{folder.settings}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise RunError(f"{folder.settings} is of another version or broken ({error}): begin a new run") from error


def write_record(folder: RunFolder, record: RunRecord) -> None:
    """Write a run's record, whole or not at all."""
    write_whole(folder.settings, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


def _reject_other_request(folder: RunFolder, before: TrainRequest, now: TrainRequest) -> None:
    old, new = (msgspec.to_builtins(request) for request in (before, now))
    differing = [name for name in old if old[name] != new[name]]
    if differing:
        said = "; ".join(f"{name} was {old[name]} and is now {new[name]}" for name in differing)
        raise RunError(f"{folder.path} was begun with other settings and cannot go on with these: {said}")
