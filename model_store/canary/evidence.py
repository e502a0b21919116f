"""What is known of a canary: its answers beside the stable release's, and where wearers said what was right."""

from collections import defaultdict, deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from har.comparisons import Comparison
from har.labels import Label, LabelTable
from har.recordings import NULL_LABEL

#: Windows that are remembered; beyond, the oldest are forgotten.
MOST_WINDOWS = 50_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A canary in figures. Windows of one device resemble each other, so a device counts once, by its mean.

    Attributes
    ----------
    windows : int
        Compared windows.
    agreement : ndarray of float64, shape (devices,)
        Share of each device's windows to which both give the same answer.
    confidence : ndarray of float64, shape (devices,)
        How much more confident the canary is, on each device's average.
    accuracy : ndarray of float64, shape (labelled devices,)
        How much larger the canary's share of right answers is on each labelled device's windows.
    labelled_windows : int
        Windows with one label.
    canary_ms, stable_ms : float
        Median time for a window, ms; NaN without windows.
    """

    windows: int
    agreement: Floats
    confidence: Floats
    accuracy: Floats
    labelled_windows: int
    canary_ms: float
    stable_ms: float

    @property
    def devices(self) -> int:
        """How many devices were compared."""
        return len(self.agreement)


@dataclass
class Evidence:
    """Collects comparisons of one canary with one stable release, and labels of wearers.

    Parameters
    ----------
    canary, stable : str
        The releases; what compares others is left out.
    """

    canary: str
    stable: str
    _windows: dict[tuple[str, str, int], Comparison] = field(default_factory=dict)
    _order: deque[tuple[str, str, int]] = field(default_factory=deque)
    _said: LabelTable = field(default_factory=LabelTable)

    def add(self, comparison: Comparison) -> None:
        """Take a comparison; one of a window that was compared before replaces it."""
        if (comparison.canary.release, comparison.stable.release) != (self.canary, self.stable):
            return
        key = comparison.device, comparison.session, comparison.start
        if key not in self._windows:
            self._order.append(key)
        self._windows[key] = comparison
        if len(self._order) > MOST_WINDOWS:
            del self._windows[self._order.popleft()]

    def add_label(self, label: Label) -> None:
        """Take what a wearer said.

        Raises
        ------
        RecordingError
            If it contradicts who was said to wear the phone.
        """
        self._said.add(label)

    def __len__(self) -> int:
        return len(self._windows)

    def measure(self) -> Measured:
        """Return the figures by now."""
        by_device: dict[str, list[Comparison]] = defaultdict(list)
        for each in self._windows.values():
            by_device[each.device].append(each)
        agreement, confidence, accuracy, labelled = [], [], [], 0
        for theirs in by_device.values():
            agreement.append(np.mean([each.canary.activity == each.stable.activity for each in theirs]))
            confidence.append(np.mean([each.canary.confidence - each.stable.confidence for each in theirs]))
            right = self._right(theirs)
            labelled += len(right)
            if right:
                accuracy.append(np.mean(right))
        times = np.array([(each.canary.taken_us, each.stable.taken_us) for each in self._windows.values()]) / 1_000
        canary_ms, stable_ms = np.median(times, axis=0).tolist() if len(times) else (float("nan"), float("nan"))
        return Measured(
            len(self._windows),
            np.array(agreement),
            np.array(confidence),
            np.array(accuracy),
            labelled,
            canary_ms,
            stable_ms,
        )

    def _right(self, theirs: list[Comparison]) -> list[int]:
        """Return, of each of a device's labelled windows, by how much the canary is more right: 1, 0 or -1."""
        found = []
        sessions: dict[str, list[Comparison]] = defaultdict(list)
        for each in theirs:
            sessions[each.session].append(each)
        for session, some in sessions.items():
            times = np.array([(each.start, each.end - 1) for each in some])
            said = self._said.labels(some[0].device, session, times.ravel()).reshape(-1, 2)
            for each, (first, last) in zip(some, said, strict=True):
                if first == last != NULL_LABEL:
                    found.append(int(each.canary.activity == first) - int(each.stable.activity == first))
        return found
