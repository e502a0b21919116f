"""The expected predictions, computed offline from the known readings with the release itself."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deploy.audit.offline import session_windows
from deploy.audit.prediction_watch import WindowKey
from deploy.audit.stored import (
    Position,
    StoredDevice,
    StoredMessage,
    StoredSession,
    Unreadable,
    is_late,
    sort_out,
)
from har.decisions import NO_THRESHOLDS, Thresholds, no_opinion
from har.predictions import Prediction
from har.samples import SampleBatch
from har.signal_quality import Reason
from model_store.onnx_classifier import OnnxClassifier

#: Windows per call of the network: about the fastest, with little memory.
CLASSIFY_BATCH = 64

#: A device's acknowledged batches, by session and sequence number.
Acknowledged = Mapping[str, Mapping[int, list[SampleBatch]]]
#: Called with the number of devices that are done, and the total.
Advance = Callable[[int, int], None]


class ExpectedPrediction(NamedTuple):
    """The prediction of the release for a window.

    Attributes
    ----------
    probabilities : tuple of float
        In the order of the release's classes, then of its kinds of background.
    is_due : bool
        Whether the stream must have predicted the window; otherwise the window is optional.
    reason : str or None
        Why the window cannot be classified; None if it can.
    """

    probabilities: tuple[float, ...]
    is_due: bool
    reason: Reason | None = None


class LostBatch(NamedTuple):
    """An acknowledged batch that is not in Kafka."""

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
    """The expected predictions of one device, and faults of its batches.

    Attributes
    ----------
    predictions : dict of WindowKey to ExpectedPrediction
        The expected predictions of its windows.
    lost : list of LostBatch
        Acknowledged batches that are not in Kafka.
    unfounded : list of UnfoundedRejection
        Batches that were rejected without a reason.
    sessions, stored, repeated, unacknowledged, missing_numbers, unusable, acknowledged : int
        Number of sessions; distinct batches in Kafka; messages that repeat one; batches in Kafka that are in no
        journal; missing sequence numbers; messages that are no batch of this device; batches in the journals.
    cut_sessions : dict of str to int
        Sessions whose beginning is not in Kafka (any more), with the start of the first window that is known, µs.
    """

    predictions: dict[WindowKey, ExpectedPrediction] = field(default_factory=dict)
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
    """The expected predictions of all devices.

    Attributes
    ----------
    release : str
        Name of the release.
    classes : tuple of str
        Its classes.
    length_us : int
        Length of a window, µs.
    has_journals : bool
        Whether the senders' journals define the known readings; otherwise the log does.
    devices : dict of str to DeviceReference
        By device.
    log_begins_us : int
        Arrival time before which nothing is audited, µs since the epoch.
    rejected : dict of str to int
        Number of messages that the processor rejected, by code.
    unreadable : list of Unreadable
        Batches of Kafka that cannot be read.
    thresholds : Thresholds
        The release's thresholds.
    kinds : tuple of str
        Its kinds of background.
    """

    release: str
    classes: tuple[str, ...]
    length_us: int
    has_journals: bool = False
    devices: dict[str, DeviceReference] = field(default_factory=dict)
    log_begins_us: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)
    thresholds: Thresholds = NO_THRESHOLDS
    kinds: tuple[str, ...] = ()

    def prediction(self, key: WindowKey) -> ExpectedPrediction | None:
        """Return the expected prediction of a window; None if its readings are not known."""
        device = self.devices.get(key[0])
        return device.predictions.get(key) if device is not None else None

    def is_before_log(self, prediction: Prediction) -> bool:
        """Return whether a window without known readings needs readings from before the beginning of the log."""
        device = self.devices.get(prediction.device)
        known_from = device.cut_sessions.get(prediction.session) if device is not None else None
        if known_from is not None:
            return prediction.start < known_from
        return prediction.arrived < self.log_begins_us

    def due(self) -> Iterator[WindowKey]:
        """Yield the windows that the stream must have predicted."""
        for device in self.devices.values():
            yield from (key for key, prediction in device.predictions.items() if prediction.is_due)


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
        """Compute the references of `devices` again.

        Parameters
        ----------
        reference : Reference
            The reference to update.
        devices : iterable of str
            The devices to compute.
        messages : mapping of str to list of StoredMessage
            The messages of each device in Kafka.
        rejections : mapping of (partition, offset) to str
            Codes of the messages that the processor rejected.
        acknowledged : callable
            Returns the batches in a device's journals; None in an audit without journals.
        advance : callable
            Called with the progress.
        """

        def build(device: str) -> tuple[str, DeviceReference]:
            stored = sort_out(device, messages.get(device, ()), rejections, self._grace_us)
            return device, self._device(device, stored, acknowledged(device))

        names = sorted(devices)
        # NumPy and onnxruntime release the interpreter's lock for most of the work.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, (device, built) in enumerate(pool.map(build, names), 1):
                reference.devices[device] = built
                advance(done, len(names))

    def _device(self, device: str, stored: StoredDevice, acknowledged: Acknowledged | None) -> DeviceReference:
        built = DeviceReference(unusable=stored.unusable)
        for name in sorted({*stored.sessions, *(acknowledged or ())}):
            session = stored.sessions.get(name, StoredSession())
            built.sessions += 1
            built.stored += sum(len(contents) for contents in session.contents.values())
            built.repeated += session.repeated
            built.unfounded += [UnfoundedRejection(device, name, *rejection) for rejection in session.unfounded]
            if acknowledged is None:
                built.missing_numbers += missing_numbers(session)
                required = {number: session.usable[number] for number in session.known}
            else:
                journal = acknowledged.get(name, {})
                built.acknowledged += sum(map(len, journal.values()))
                built.unacknowledged += session.count_unacknowledged(journal)
                lost = _lost(session, journal)
                built.lost += [LostBatch(device, name, batch.sequence) for batch in lost]
                required = self._required(session, journal, lost)
            predictions = self._predictions(required, session.usable)
            built.predictions.update({(device, name, start): made for start, made in predictions.items()})
            if session.contents and min(session.contents) > 0:
                built.cut_sessions[name] = _first_known_start(session, predictions)
        return built

    def _required(
        self, session: StoredSession, journal: Mapping[int, list[SampleBatch]], lost: list[SampleBatch]
    ) -> dict[int, SampleBatch]:
        """Return the acknowledged batches that the stream must use, as they are in Kafka unless they are lost."""
        required = {number: session.usable[number] for number in journal if number in session.usable}
        for batch in lost:
            if not is_late(batch, self._grace_us):
                required.setdefault(batch.sequence, batch)
        return required

    def _predictions(
        self, required: Mapping[int, SampleBatch], possible: Mapping[int, SampleBatch]
    ) -> dict[int, ExpectedPrediction]:
        """Return the expected predictions of a session by start; the batches in Kafka define the values."""
        predictions = self._classify(required)
        if required.keys() == possible.keys():
            return predictions
        for start, made in self._classify(possible).items():
            is_due = start in predictions and predictions[start].is_due
            predictions[start] = made._replace(is_due=is_due)
        return predictions

    def _classify(self, batches: Mapping[int, SampleBatch]) -> dict[int, ExpectedPrediction]:
        predictions: dict[int, ExpectedPrediction] = {}
        for windows, due in session_windows(batches, self._spec, self._grace_us):
            reasons = windows.reasons(self._classifier.manifest.signal_bounds)
            rows = iter(self._probabilities(windows.values[[reason is None for reason in reasons]]).tolist())
            for start, reason, is_due in zip(windows.starts.tolist(), reasons, due.tolist(), strict=True):
                row = next(rows) if reason is None else no_opinion(self._classifier.manifest.classes).values()
                predictions[start] = ExpectedPrediction(tuple(row), is_due, reason)
        return predictions

    def _probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        if not len(windows):
            return np.empty((0, len(self._classifier.manifest.outputs)), np.float32)
        return np.concatenate(
            [
                self._classifier.probabilities(windows[begin : begin + CLASSIFY_BATCH])
                for begin in range(0, len(windows), CLASSIFY_BATCH)
            ]
        )


def _lost(session: StoredSession, journal: Mapping[int, list[SampleBatch]]) -> list[SampleBatch]:
    return [batch for batches in journal.values() for batch in batches if not session.holds(batch)]


def missing_numbers(session: StoredSession) -> int:
    """Return how many sequence numbers between a session's first and last batch no batch takes up."""
    missing, expected = 0, min(session.numbers, default=0)
    for number in sorted(session.numbers):
        missing += max(0, number - expected)
        expected = max(expected, number + session.numbers[number])  # batches that contradict each other may overlap
    return missing


def _first_known_start(session: StoredSession, predictions: Mapping[int, ExpectedPrediction]) -> int:
    if predictions:
        return min(predictions)
    return max((usable.newest for usable in session.usable.values()), default=0)
