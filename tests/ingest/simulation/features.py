"""Simple features of acceleration windows, for comparing simulated with real wearers."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

RATE_HZ = 50.0
WINDOW = 200
BANDS = ((0.4, 1.5), (1.5, 3.0), (3.0, 6.0), (6.0, 12.0), (12.0, 24.0))


def windows_of(signal: FloatArray, hop: int = 100) -> FloatArray:
    """Return the windows of 4 s of a signal ``(n, 3)`` at 50 Hz, ``(windows, 200, 3)``."""
    starts = range(0, len(signal) - WINDOW + 1, hop)
    return np.array([signal[start : start + WINDOW] for start in starts]).reshape(-1, WINDOW, 3)


def features_of(windows: FloatArray) -> dict[str, FloatArray]:
    """Return each feature of every window, ``(windows,)`` each."""
    mean = windows.mean(axis=1)
    magnitude = np.sqrt((windows**2).sum(axis=2))
    centred = windows - mean[:, None]
    taper = np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(centred * taper[None, :, None], axis=1)) ** 2 / (taper**2).sum() / WINDOW * 2
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)
    total = power.sum(axis=2)
    features = {
        "energy": np.log10(magnitude.std(axis=1)),
        "largest": np.log10(np.abs(magnitude - 9.81).max(axis=1)),
        "jerk": np.log10(np.sqrt((np.diff(windows, axis=1) ** 2).sum(axis=2).mean(axis=1))),
        "cadence": _cadence(magnitude, frequencies),
        "peak": _peak(total, frequencies),
    }
    for axis, name in enumerate("xyz"):
        features[f"gravity_{name}"] = mean[:, axis]
        features[f"spread_{name}"] = np.log10(centred[:, :, axis].std(axis=1))
    for low, high in BANDS:
        inside = (frequencies >= low) & (frequencies < high)
        features[f"band_{low:g}"] = np.log10(total[:, inside].sum(axis=1))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        product = (centred[:, :, a] * centred[:, :, b]).mean(axis=1)
        features[f"correlation_{'xyz'[a]}{'xyz'[b]}"] = product / (
            centred[:, :, a].std(axis=1) * centred[:, :, b].std(axis=1)
        )
    for axis, name in enumerate("xyz"):
        wave = centred[:, :, axis]
        features[f"skew_{name}"] = (wave**3).mean(axis=1) / wave.std(axis=1) ** 3
    return features


def _cadence(magnitude: FloatArray, frequencies: FloatArray) -> FloatArray:
    """Return the dominant frequency of the magnitude between 1 and 3.5 Hz, Hz, ``(windows,)``."""
    centred = (magnitude - magnitude.mean(axis=1, keepdims=True)) * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(centred, 1024, axis=1))
    fine = np.fft.rfftfreq(1024, 1 / RATE_HZ)
    inside = (fine >= 1.0) & (fine <= 3.5)
    return fine[inside][power[:, inside].argmax(axis=1)]


def _peak(total: FloatArray, frequencies: FloatArray) -> FloatArray:
    """Return the share of the power above 0.4 Hz in the highest spectral peak and its neighbours, ``(windows,)``."""
    inside = frequencies >= 0.4
    power = total[:, inside]
    spread = power[:, :-2] + power[:, 1:-1] + power[:, 2:]
    return spread.max(axis=1) / power.sum(axis=1)


def wearer_medians(windows_by_wearer: Iterable[FloatArray]) -> dict[str, FloatArray]:
    """Return the median of each feature for every wearer, ``(wearers,)`` each."""
    rows = [features_of(windows) for windows in windows_by_wearer]
    return {name: np.array([float(np.median(row[name])) for row in rows]) for name in rows[0]}
