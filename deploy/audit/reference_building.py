"""Compute the expected predictions offline from the known readings, with the release itself."""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from deploy.audit.offline import session_windows
from deploy.audit.reference import (
    Acknowledged,
    DeviceReference,
    ExpectedPrediction,
    LostBatch,
    Reference,
    UnfoundedRejection,
)
from deploy.audit.stored import Position, StoredDevice, StoredMessage, StoredSession, is_late, sort_out
from har.decisions import no_opinion
from har.samples import SampleBatch
from har.upright import Vector, gravity_of
from model_store.onnx_classifier import OnnxClassifier

#: Windows per call of the network: about the fastest, with little memory.
CLASSIFY_BATCH = 64
#: Called with the number of devices that are done, and the total.
Advance = Callable[[int, int], None]


class ReferenceBuilder:
    """Computes references, device by device, on all CPUs.

    Parameters
    ----------
    classifier : OnnxClassifier
        The release.
    grace_us : int
        The processor's grace, µs.
    uses_heads : bool
        Whether personal heads may have corrected the answers.
    """

    def __init__(self, classifier: OnnxClassifier, grace_us: int, *, uses_heads: bool = False) -> None:
        self._classifier = classifier
        self._spec = classifier.manifest.window_spec
        self._grace_us = grace_us
        self._needs_gravity = uses_heads or classifier.manifest.upright is not None

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
            gravities = self._gravities(windows.values)
            for start, reason, is_due, gravity in zip(
                windows.starts.tolist(), reasons, due.tolist(), gravities, strict=True
            ):
                row = next(rows) if reason is None else no_opinion(self._classifier.manifest.classes).values()
                predictions[start] = ExpectedPrediction(tuple(row), is_due, reason, gravity)
        return predictions

    def _gravities(self, windows: NDArray[np.float32]) -> list[Vector] | list[None]:
        if not self._needs_gravity:
            return [None] * len(windows)
        return [gravity_of(window) for window in windows]

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
