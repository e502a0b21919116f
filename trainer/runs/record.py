"""The record of a run, ``run.json`` in its folder: the request, the versions and the attempts."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Self

import msgspec

from har.process.whole_files import write_whole
from har.recordings import RecordingError
from har.samples import UNDECODABLE
from trainer.distributed.cluster import ClusterNode
from trainer.request import TrainRequest
from trainer.run_folder import RunFolder, WorkerReport

#: Packages whose versions affect the result.
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
    """A run folder cannot be used for the request; the message states what to do."""


class Attempt(msgspec.Struct, frozen=True):
    """One attempt to train: the first, or a resumed one.

    Attributes
    ----------
    began, ended : str
        ISO 8601 times, UTC.
    outcome : str
        ``finished``, or the error.
    nodes : list of ClusterNode
        TensorFlowOnSpark's `cluster_info`; empty without Spark, and if training did not finish.
    processes : list of WorkerReport
        Reports of the processes: their PIDs, shards and windows.
    """

    began: str
    ended: str
    outcome: str
    nodes: list[ClusterNode]
    processes: list[WorkerReport]


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about a run except its curves.

    Attributes
    ----------
    release : str
        Name of the release.
    request : TrainRequest
        What the run trains.
    versions : dict of str to str
        Versions of Python and the libraries.
    machine : str
        Machine that started the run.
    attempts : list of Attempt
        All attempts to train, except those whose process was killed.
    """

    release: str
    request: TrainRequest
    versions: dict[str, str]
    machine: str
    attempts: list[Attempt] = []

    @classmethod
    def of(cls, request: TrainRequest, release: str | None) -> Self:
        """Create the record of a new run on this machine."""
        name = release or f"{request.network}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        versions = {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
        machine = f"{socket.gethostname()}: {platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
        return cls(release=name, request=request, versions=versions, machine=machine)


def begin_record(folder: RunFolder, request: TrainRequest, release: str | None, *, resume: bool) -> RunRecord:
    """Create a run folder with its record, or read the record of a run to resume.

    Raises
    ------
    RunError
        If the folder contains more of a run than its record and `resume` is False, or the run's request differs, or its
        release is not named `release`.
    """
    found = folder.contents()
    has_work = bool(found - {folder.settings})  # a run whose recordings could not be used has none
    if folder.settings in found and (resume or has_work):
        if not resume:
            raise RunError(f"{folder.path} already contains a run: choose another --output, or continue with --resume")
        record = read_record(folder)
        _reject_other_request(folder, record.request, request)
        if release is not None and release != record.release:
            raise RunError(
                f"the release of {folder.path} is named {record.release}, not {release}: omit --name, or start "
                "a new run"
            )
        return record
    if refusal := folder.refusal():
        raise RunError(refusal)
    folder.path.mkdir(parents=True, exist_ok=True)
    record = RunRecord.of(request, release)
    write_record(folder, record)
    return record


def read_record(folder: RunFolder) -> RunRecord:
    """Read a run's record.

    Raises
    ------
    RunError
        If there is no record that this version can read.
    """
    try:
        return msgspec.json.decode(folder.settings.read_bytes(), type=RunRecord)
    except OSError as error:
        raise RunError(f"{folder.settings}: {error.strerror}") from error
    except UNDECODABLE as error:
        raise RunError(f"{folder.settings} is of another version or corrupt ({error}): start a new run") from error


def write_record(folder: RunFolder, record: RunRecord) -> None:
    """Write a run's record atomically."""
    write_whole(folder.settings, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


def _reject_other_request(folder: RunFolder, before: TrainRequest, now: TrainRequest) -> None:
    old, new = (dict(_each(msgspec.to_builtins(request))) for request in (before, now))
    differing = [name for name in old if old[name] != new[name]]
    if differing:
        changes = "; ".join(f"{name} was {old[name]} and is now {new[name]}" for name in differing)
        raise RunError(f"{folder.path} was started with other settings and cannot continue with these: {changes}")


def _each(settings: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each setting and its value; one of a group is named like ``fit.epochs``."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _each(value, f"{above}{name}.")
        else:
            yield above + name, value
