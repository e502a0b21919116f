"""The data that a canary is judged by: comparisons of its predictions with stable's, and wearers' labels."""

from collections import defaultdict, deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from har.activity_names import named_class
from har.comparisons import Comparison
from har.decisions import UNKNOWN
from har.labels import Label, LabelTable

#: Most windows that are kept. Beyond that, the oldest are dropped.
MOST_WINDOWS = 50_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CanaryMeasurements:
    """What was measured of a canary.

    Windows of one device resemble each other, so each device counts once, by its mean.

    Attributes
    ----------
    windows : int
        Number of compared windows.
    agreement : ndarray of float64, shape (devices,)
        Share of each device's windows for which both releases predict the same class.
    confidence : ndarray of float64, shape (devices,)
        Mean confidence of the canary minus that of the stable release, on each device.
    accuracy : ndarray of float64, shape (labelled devices,)
        Accuracy of the canary minus that of the stable release, on the labelled windows of each device.
    labelled_windows : int
        Number of windows that carry one label from start to end.
    canary_ms, stable_ms : ndarray of float64, shape (runs,)
        The two releases' times for a window, ms, in each run of the network. Windows that were classified together
        have one time, so each run counts once.
    """

    windows: int
    agreement: Floats
    confidence: Floats
    accuracy: Floats
    labelled_windows: int
    canary_ms: Floats
    stable_ms: Floats

    @property
    def devices(self) -> int:
        """Number of compared devices."""
        return len(self.agreement)


@dataclass
class Evidence:
    """Collects comparisons of one canary with one stable release, and the labels of wearers.

    Parameters
    ----------
    canary, stable : str
        Names of the two releases. Comparisons of other releases are ignored.
    """

    canary: str
    stable: str
    _windows: dict[tuple[str, str, int], Comparison] = field(default_factory=dict)
    _order: deque[tuple[str, str, int]] = field(default_factory=deque)
    _labels: LabelTable = field(default_factory=LabelTable)

    def add(self, comparison: Comparison) -> None:
        """Add a comparison. It replaces an earlier comparison of the same window."""
        if (comparison.canary.release, comparison.stable.release) != (self.canary, self.stable):
            return
        key = comparison.device, comparison.session, comparison.start
        if key not in self._windows:
            self._order.append(key)
        self._windows[key] = comparison
        if len(self._order) > MOST_WINDOWS:
            del self._windows[self._order.popleft()]

    def add_label(self, label: Label) -> None:
        """Add a wearer's label."""
        self._labels.add(label)

    def __len__(self) -> int:
        return len(self._windows)

    def measure(self) -> CanaryMeasurements:
        """Return what was measured up to now."""
        by_device: dict[str, list[Comparison]] = defaultdict(list)
        for comparison in self._windows.values():
            by_device[comparison.device].append(comparison)
        predicted = self._predicted_activities()
        agreement, confidence, accuracy, labelled = [], [], [], 0
        for comparisons in by_device.values():
            agreement.append(np.mean([pair.canary.activity == pair.stable.activity for pair in comparisons]))
            confidence.append(np.mean([pair.canary.confidence - pair.stable.confidence for pair in comparisons]))
            gains = self._accuracy_gains(comparisons, predicted)
            labelled += len(gains)
            if gains:
                accuracy.append(np.mean(gains))
        runs = {(pair.canary.taken_us, pair.stable.taken_us) for pair in self._windows.values()}
        canary_ms, stable_ms = np.array(list(runs), dtype=np.float64).reshape(-1, 2).T / 1_000
        return CanaryMeasurements(
            len(self._windows),
            np.array(agreement),
            np.array(confidence),
            np.array(accuracy),
            labelled,
            canary_ms,
            stable_ms,
        )

    def _predicted_activities(self) -> list[str]:
        pairs = self._windows.values()
        return list({found.activity for pair in pairs for found in (pair.canary, pair.stable)} - {UNKNOWN})

    def _accuracy_gains(self, comparisons: list[Comparison], predicted: list[str]) -> list[int]:
        """Return a number for each labelled window of a device.

        It is 1 if only the canary is right, -1 if only the stable release is right, else 0. Labels that neither release
        ever predicts, such as a wearer's own words, do not count: they would hide a loss among many zeros.
        """
        gains = []
        sessions: dict[str, list[Comparison]] = defaultdict(list)
        for comparison in comparisons:
            sessions[comparison.session].append(comparison)
        for session, windows in sessions.items():
            times = np.array([(window.start, window.end - 1) for window in windows])
            labels = self._labels.labels(windows[0].device, session, times.ravel()).reshape(-1, 2)
            for window, (first, last) in zip(windows, labels, strict=True):
                named = named_class(first, predicted)
                if first == last and named in predicted:
                    gains.append(int(window.canary.activity == named) - int(window.stable.activity == named))
        return gains
