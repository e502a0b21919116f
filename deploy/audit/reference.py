"""The expected predictions of all devices, and the faults of their batches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from deploy.audit.known_heads import KnownHeads
from deploy.audit.prediction_watch import WindowKey
from deploy.audit.stored import Unreadable
from har.decisions import NO_THRESHOLDS, Thresholds
from har.predictions import Prediction
from har.samples import SampleBatch
from har.signal_quality import Reason
from har.upright import UprightRule, Vector

#: A device's acknowledged batches, by session and sequence number.
Acknowledged = Mapping[str, Mapping[int, list[SampleBatch]]]


class ExpectedPrediction(NamedTuple):
    """The prediction of the release for a window alone.

    Attributes
    ----------
    probabilities : tuple of float
        In the order of the release's classes, then of its kinds of background.
    is_due : bool
        Whether the stream must have predicted the window; otherwise the window is optional.
    reason : str or None
        Why the window cannot be classified; None if it can.
    gravity : tuple of float or None
        Its mean acceleration, m/s²; None if neither upright references nor personal heads are used.
    """

    probabilities: tuple[float, ...]
    is_due: bool
    reason: Reason | None = None
    gravity: Vector | None = None


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
    upright : UprightRule or None
        How the release uses the upright references of sessions; None if it does not.
    heads : KnownHeads
        The personal heads for the release.
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
    upright: UprightRule | None = None
    heads: KnownHeads = field(default_factory=KnownHeads)

    def prediction(self, key: WindowKey) -> ExpectedPrediction | None:
        """Return the expected prediction of a window; None if its readings are not known."""
        device = self.devices.get(key[0])
        return device.predictions.get(key) if device is not None else None

    def is_cut(self, device: str, session: str) -> bool:
        """Return whether the beginning of a session is not known."""
        known = self.devices.get(device)
        return known is None or session in known.cut_sessions

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
