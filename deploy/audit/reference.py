"""What the stream must have answered: computed offline from readings that are known, by the release itself."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deploy.audit.offline import session_windows
from deploy.audit.stored import (
    Position,
    StoredDevice,
    StoredMessage,
    StoredSession,
    fingerprint,
    is_late,
    sort_out,
)
from deploy.audit.summary import WindowKey
from har.samples import SampleBatch
from model_store.onnx_classifier import OnnxClassifier

#: Windows a call of the network: about the fastest, and little memory.
CLASSIFY_BATCH = 64

#: A device's batches that its senders know to be in Kafka, by session and sequence number.
Acknowledged = Mapping[str, Mapping[int, list[SampleBatch]]]
#: Told how many devices are done, and of how many.
Advance = Callable[[int, int], None]


class Answer(NamedTuple):
    """What the release says of a window.

    Attributes
    ----------
    probabilities : tuple of float
        In the order of the release's classes.
    is_due : bool
        Whether the stream must have said it; otherwise it may.
    """

    probabilities: tuple[float, ...]
    is_due: bool


class LostBatch(NamedTuple):
    """A batch that was acknowledged and is not in Kafka."""

    device: str
    session: str
    sequence: int


class UnfoundedRejection(NamedTuple):
    """A batch that the processor rejected although nothing in the log gives a reason."""

    device: str
    session: str
    sequence: int
    code: str


@dataclass
class DeviceReference:
    """What is known of one device.

    Attributes
    ----------
    answers : dict of WindowKey to Answer
        Its windows.
    lost : list of LostBatch
        Batches that were acknowledged and are not in Kafka.
    unfounded : list of UnfoundedRejection
        Batches that were rejected for no reason.
    sessions, stored, repeated, unacknowledged, missing_numbers, unusable, acknowledged : int
        Sessions; different batches in Kafka; messages that repeat one; batches in Kafka that no journal
        has; sequence numbers missing between others; messages that are no batch of this device; batches
        in the journals.
    cut_sessions : dict of str to int
        Sessions whose beginning is not in Kafka (any more), and the start from which their windows can be
        told, µs.
    """

    answers: dict[WindowKey, Answer] = field(default_factory=dict)
    lost: list[LostBatch] = field(default_factory=list)
    unfounded: list[UnfoundedRejection] = field(default_factory=list)
    sessions: int = 0
    stored: int = 0
    repeated: int = 0
    unacknowledged: int = 0
    missing_numbers: int = 0
    unusable: int = 0
    acknowledged: int = 0
    cut_sessions: dict[str, int] = field(default_factory=dict)


@dataclass
class Reference:
    """What is known of all devices.

    Attributes
    ----------
    release : str
        The name of the release that answers.
    classes : tuple of str
        Its classes.
    length_us : int
        From a window's start to its end, µs.
    has_journals : bool
        Whether the senders' journals say what is known; otherwise the log itself does.
    devices : dict of str to DeviceReference
        By device.
    log_begins_us : int
        What reached the gateway earlier is not looked at, µs since the epoch.
    rejected : dict of str to int
        Messages that the processor rejected, by code.
    decision_threshold : float
        The release's: with a largest probability below it the answer is unknown.
    """

    release: str
    classes: tuple[str, ...]
    length_us: int
    has_journals: bool = False
    devices: dict[str, DeviceReference] = field(default_factory=dict)
    log_begins_us: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    decision_threshold: float = 0.0

    def answer(self, key: WindowKey) -> Answer | None:
        """Return what the release says of a window; None if the known readings do not give it."""
        device = self.devices.get(key[0])
        return device.answers.get(key) if device is not None else None

    def due(self) -> Iterator[WindowKey]:
        """Yield the windows that the stream must have answered."""
        for device in self.devices.values():
            yield from (key for key, answer in device.answers.items() if answer.is_due)


class ReferenceBuilder:
    """Computes references, device by device, on all CPUs.

    Parameters
    ----------
    classifier : OnnxClassifier
        The release.
    grace_us : int
        The processor's grace, µs.
    """

    def __init__(self, classifier: OnnxClassifier, grace_us: int) -> None:
        self._classifier = classifier
        self._spec = classifier.manifest.window_spec
        self._grace_us = grace_us

    def update(
        self,
        reference: Reference,
        devices: Iterable[str],
        messages: Mapping[str, list[StoredMessage]],
        rejections: Mapping[Position, str],
        acknowledged: Callable[[str], Acknowledged | None],
        advance: Advance,
    ) -> None:
        """Compute the references of `devices` anew.

        Parameters
        ----------
        reference : Reference
            What is brought up to date.
        devices : iterable of str
            Which devices.
        messages : mapping of str to list of StoredMessage
            What lies in Kafka of each device.
        rejections : mapping of (partition, offset) to str
            What the processor rejected.
        acknowledged : callable
            Gives a device's journals, None if there are no journals at all.
        advance : callable
            Told the progress.
        """

        def build(device: str) -> tuple[str, DeviceReference]:
            stored = sort_out(device, messages.get(device, ()), rejections, self._grace_us)
            return device, self._device(device, stored, acknowledged(device))

        wanted = sorted(devices)
        # NumPy and onnxruntime let go of the interpreter for most of the work.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, (device, built) in enumerate(pool.map(build, wanted), 1):
                reference.devices[device] = built
                advance(done, len(wanted))

    def _device(self, device: str, stored: StoredDevice, acknowledged: Acknowledged | None) -> DeviceReference:
        built = DeviceReference(unusable=stored.unusable)
        for name in sorted({*stored.sessions, *(acknowledged or ())}):
            session = stored.sessions.get(name, StoredSession())
            built.sessions += 1
            built.stored += sum(len(contents) for contents in session.contents.values())
            built.repeated += session.repeated
            built.unfounded += [UnfoundedRejection(device, name, *rejection) for rejection in session.unfounded]
            if acknowledged is None:
                built.missing_numbers += _missing_numbers(session)
                required = {number: session.usable[number] for number in session.known}
            else:
                journal = acknowledged.get(name, {})
                built.acknowledged += sum(map(len, journal.values()))
                built.unacknowledged += _count_unacknowledged(session, journal)
                lost = _lost(session, journal)
                built.lost += [LostBatch(device, name, batch.sequence) for batch in lost]
                required = self._required(session, journal, lost)
            answers = self._answers(required, session.usable)
            built.answers.update({(device, name, start): answer for start, answer in answers.items()})
            if session.contents and min(session.contents) > 0:
                built.cut_sessions[name] = _told_from(session, answers)
        return built

    def _required(
        self, session: StoredSession, journal: Mapping[int, list[SampleBatch]], lost: list[SampleBatch]
    ) -> dict[int, SampleBatch]:
        """Return the acknowledged batches that the stream must use; as they lie in Kafka, unless they are lost."""
        required = {number: session.usable[number] for number in journal if number in session.usable}
        for batch in lost:
            if not is_late(batch, self._grace_us):
                required.setdefault(batch.sequence, batch)
        return required

    def _answers(self, required: Mapping[int, SampleBatch], possible: Mapping[int, SampleBatch]) -> dict[int, Answer]:
        """Answer the windows of a session, by start; what lies in Kafka decides the values."""
        answers = self._classify(required)
        if required.keys() == possible.keys():
            return answers
        for start, answer in self._classify(possible).items():
            is_due = start in answers and answers[start].is_due
            answers[start] = Answer(answer.probabilities, is_due)
        return answers

    def _classify(self, batches: Mapping[int, SampleBatch]) -> dict[int, Answer]:
        answers: dict[int, Answer] = {}
        for windows, due in session_windows(batches, self._spec, self._grace_us):
            rows = self._probabilities(windows.values)
            for start, row, is_due in zip(windows.starts.tolist(), rows.tolist(), due.tolist(), strict=True):
                answers[start] = Answer(tuple(row), is_due)
        return answers

    def _probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        if not len(windows):
            return np.empty((0, len(self._classifier.manifest.classes)), np.float32)
        return np.concatenate(
            [
                self._classifier.probabilities(windows[begin : begin + CLASSIFY_BATCH])
                for begin in range(0, len(windows), CLASSIFY_BATCH)
            ]
        )


def _lost(session: StoredSession, journal: Mapping[int, list[SampleBatch]]) -> list[SampleBatch]:
    return [batch for batches in journal.values() for batch in batches if not session.holds(batch)]


def _count_unacknowledged(session: StoredSession, journal: Mapping[int, list[SampleBatch]]) -> int:
    return sum(
        len(contents - {fingerprint(batch) for batch in journal.get(number, ())})
        for number, contents in session.contents.items()
    )


def _missing_numbers(session: StoredSession) -> int:
    return max(session.contents) - min(session.contents) + 1 - len(session.contents) if session.contents else 0


def _told_from(session: StoredSession, answers: Mapping[int, Answer]) -> int:
    if answers:
        return min(answers)
    return max((usable.newest for usable in session.usable.values()), default=0)
