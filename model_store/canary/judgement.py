"""The decision on a canary: end it, promote it, or wait for more data."""

import math
from typing import Literal

import msgspec
import numpy as np

from model_store.canary.evidence import CanaryMeasurements, Floats

#: Half-width of the interval around a mean, in standard errors (one-sided). For a canary exactly at a limit, the false
#: alarm rate is 1 % with many devices and 4 % with five, as Student's distribution is wider than the normal one.
STANDARD_ERRORS = 2.33
#: With fewer devices or windows, the verdict is to wait.
FEWEST_DEVICES, FEWEST_WINDOWS = 3, 50

#: Extra time for a window that never counts as a breach, ms. Differences between short times are mostly noise.
UNNOTICED_MS = 1.0
#: The shortest time that the stable release's counts as, ms; it keeps the ratio finite.
FINEST_MS = 0.001

Verdict = Literal["breach", "pass", "wait"]


class CanaryLimits(msgspec.Struct, frozen=True):
    """The limits for a canary, and how much data it needs to pass.

    Attributes
    ----------
    devices, windows : int
        Least numbers of compared devices and windows before it can pass.
    seconds : float
        Least time as a canary before it can pass, s.
    agreement : float
        Least share of windows for which it predicts the same class as the stable release.
    confidence_loss : float
        Largest loss of mean confidence against the stable release.
    latency_ratio : float
        Largest ratio of its time for a window to the stable release's. Ignored if the difference is at most
        `UNNOTICED_MS`.
    accuracy_loss : float
        Largest loss of accuracy against the stable release, on windows that wearers labelled.
    """

    devices: int = 5
    windows: int = 300
    seconds: float = 3_600.0
    agreement: float = 0.8
    confidence_loss: float = 0.1
    latency_ratio: float = 2.0
    accuracy_loss: float = 0.02


class CanaryCheck(msgspec.Struct, frozen=True):
    """The check of one measurement against its limit.

    Attributes
    ----------
    what : str
        Name of the measurement.
    value : float
        Its mean over devices; for the latency, the median ratio over runs of the network.
    least, most : float
        Bounds of `value` by its standard error over devices; for the latency, by the order of the ratios.
    limit : float
        Its lower limit; for the latency, the upper limit.
    verdict : {'breach', 'pass', 'wait'}
        Result of this check alone.
    """

    what: str
    value: float
    least: float
    most: float
    limit: float
    verdict: Verdict


class Judgement(msgspec.Struct, frozen=True):
    """The current judgement of a canary.

    Attributes
    ----------
    verdict : {'breach', 'pass', 'wait'}
        Whether to end it, whether it can become stable, or whether it needs more data.
    reason : str
        The reason, for people.
    devices, windows, labelled_windows : int
        Numbers of devices and windows that were compared, and of labelled windows among them.
    checks : list of CanaryCheck
        All checks.
    """

    verdict: Verdict
    reason: str
    devices: int
    windows: int
    labelled_windows: int
    checks: list[CanaryCheck]


def judge(measured: CanaryMeasurements, limits: CanaryLimits, age_seconds: float) -> Judgement:
    """Judge a canary.

    Each mean over devices has an interval of `STANDARD_ERRORS` on either side. A limit is breached if the whole
    interval is beyond it, and met if the whole interval is within it. A breach counts as soon as `FEWEST_DEVICES` and
    `FEWEST_WINDOWS` were compared. A canary passes only after the time, devices and windows that the limits ask for.

    Parameters
    ----------
    measured : CanaryMeasurements
        What was measured of it.
    limits : CanaryLimits
        Its limits.
    age_seconds : float
        Time since it became a canary, s.
    """
    checks = [
        _above("agreement with stable", measured.agreement, limits.agreement),
        _above("confidence against stable", measured.confidence, -limits.confidence_loss),
        _latency(measured, limits.latency_ratio),
    ]
    if len(measured.accuracy) >= FEWEST_DEVICES:
        checks.append(_above("accuracy against stable", measured.accuracy, -limits.accuracy_loss))
    verdict, reason = _conclude(checks, measured, limits, age_seconds)
    return Judgement(verdict, reason, measured.devices, measured.windows, measured.labelled_windows, checks)


def _conclude(
    checks: list[CanaryCheck], measured: CanaryMeasurements, limits: CanaryLimits, age_seconds: float
) -> tuple[Verdict, str]:
    data = f"on {measured.windows} windows of {measured.devices} devices"
    if measured.devices < FEWEST_DEVICES or measured.windows < FEWEST_WINDOWS:
        return "wait", f"too few comparisons, {data}"
    breached = [check for check in checks if check.verdict == "breach"]
    if breached:
        return "breach", f"{'; '.join(map(_describe, breached))}, {data}"
    if measured.devices < limits.devices or measured.windows < limits.windows or age_seconds < limits.seconds:
        return "wait", (
            f"no limit is breached, {data} in {age_seconds:.0f} s; needs {limits.windows} windows of "
            f"{limits.devices} devices in {limits.seconds:.0f} s"
        )
    unsure = [check for check in checks if check.verdict == "wait"]
    if unsure:
        return "wait", f"not certain: {'; '.join(map(_describe, unsure))}, {data}"
    return "pass", f"{'; '.join(map(_describe, checks))}, {data}"


def _above(what: str, values: Floats, limit: float) -> CanaryCheck:
    """Check that the mean of a value per device is not below a limit."""
    if not len(values):
        return CanaryCheck(what, math.nan, -math.inf, math.inf, limit, "wait")
    mean = float(values.mean())
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else math.inf
    error = STANDARD_ERRORS * spread / math.sqrt(len(values))
    least, most = mean - error, mean + error
    verdict: Verdict = "breach" if most < limit else "pass" if least >= limit else "wait"
    return CanaryCheck(what, mean, least, most, limit, verdict)


def _latency(measured: CanaryMeasurements, limit: float) -> CanaryCheck:
    """Check the median ratio of the times for a window. Differences up to `UNNOTICED_MS` are ignored.

    The bounds are order statistics of the ratios, so a few slow runs, such as the first ones of a release that was just
    loaded, decide nothing (the sign test's interval of a median).
    """
    what = "latency relative to stable"
    runs = len(measured.canary_ms)
    if not runs:
        return CanaryCheck(what, math.nan, 0.0, math.inf, limit, "wait")
    ratios = np.sort(measured.canary_ms / np.maximum(measured.stable_ms, FINEST_MS))
    rank = math.floor((runs - STANDARD_ERRORS * math.sqrt(runs)) / 2)
    least, most = (float(ratios[rank]), float(ratios[runs - 1 - rank])) if rank >= 0 else (0.0, math.inf)
    noticed = float(np.median(measured.canary_ms - measured.stable_ms)) > UNNOTICED_MS
    verdict: Verdict = "breach" if noticed and least > limit else "pass" if not noticed or most <= limit else "wait"
    return CanaryCheck(what, float(np.median(ratios)), least, most, limit, verdict)


def _describe(check: CanaryCheck) -> str:
    return f"{check.what} {check.value:.3g} ({check.least:.3g} to {check.most:.3g}; limit {check.limit:g})"
