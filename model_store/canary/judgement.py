"""Whether a canary may become stable, must go, or needs more time."""

import math
from typing import Literal

import msgspec
import numpy as np

from model_store.canary.evidence import Floats, Measured

#: One-sided: of canaries that are just at a limit, one in a hundred is wrongly found beyond it with many devices, and
#: four in a hundred with five, as Student's distribution is wider than the normal one.
STANDARD_ERRORS = 2.33
#: With fewer devices or windows nothing is decided.
FEWEST_DEVICES, FEWEST_WINDOWS = 3, 50

#: A canary may take so much longer for a window, ms, whatever the ratio is: short times are mostly noise.
UNNOTICED_MS = 1.0

Verdict = Literal["breach", "pass", "wait"]


class CanaryLimits(msgspec.Struct, frozen=True):
    """What a canary must keep to, and for how long it is looked at before it passes.

    Attributes
    ----------
    devices, windows : int
        So many must have been compared.
    seconds : float
        So long it must have been a canary.
    agreement : float
        Least share of windows to which it gives the stable release's answer.
    confidence_loss : float
        By how much it may be less confident.
    latency_ratio : float
        How many times as long it may take for a window, if that is over `UNNOTICED_MS` longer.
    accuracy_loss : float
        By how much its share of right answers may be smaller, where wearers said what is right.
    """

    devices: int = 5
    windows: int = 300
    seconds: float = 3_600.0
    agreement: float = 0.8
    confidence_loss: float = 0.1
    latency_ratio: float = 2.0
    accuracy_loss: float = 0.02


class CanaryCheck(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes
    ----------
    what : str
        In words.
    value : float
        The mean over devices, or the ratio.
    least, most : float
        Where it lies, by its standard error over devices.
    limit : float
        What it may not be below; of the latency, above.
    verdict : {'breach', 'pass', 'wait'}
        What follows of it alone.
    """

    what: str
    value: float
    least: float
    most: float
    limit: float
    verdict: Verdict


class Judgement(msgspec.Struct, frozen=True):
    """What is found of a canary by now.

    Attributes
    ----------
    verdict : {'breach', 'pass', 'wait'}
        Whether it must go, may become stable, or needs more time.
    reason : str
        In a sentence.
    devices, windows, labelled_windows : int
        On what it rests.
    checks : list of CanaryCheck
        Everything that was looked at.
    """

    verdict: Verdict
    reason: str
    devices: int
    windows: int
    labelled_windows: int
    checks: list[CanaryCheck]


def judge(measured: Measured, limits: CanaryLimits, age_seconds: float) -> Judgement:
    """Judge a canary.

    A limit is breached if all that the standard error over devices leaves possible is beyond it, kept to if nothing
    of that is. A breach counts as soon as `FEWEST_DEVICES` and `FEWEST_WINDOWS` were compared; nothing passes before
    it was looked at for as long, on as many devices and windows, as the limits say.

    Parameters
    ----------
    measured : Measured
        What is known of it.
    limits : CanaryLimits
        What it must keep to.
    age_seconds : float
        How long it has been a canary.
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
    checks: list[CanaryCheck], measured: Measured, limits: CanaryLimits, age_seconds: float
) -> tuple[Verdict, str]:
    on = f"on {measured.windows} windows of {measured.devices} devices"
    if measured.devices < FEWEST_DEVICES or measured.windows < FEWEST_WINDOWS:
        return "wait", f"too little is compared yet, {on}"
    breached = [check for check in checks if check.verdict == "breach"]
    if breached:
        return "breach", f"{'; '.join(map(_said, breached))}, {on}"
    if measured.devices < limits.devices or measured.windows < limits.windows or age_seconds < limits.seconds:
        return "wait", (
            f"nothing is wrong yet, {on} in {age_seconds:.0f} s; asked for are {limits.windows} windows of "
            f"{limits.devices} devices in {limits.seconds:.0f} s"
        )
    unsure = [check for check in checks if check.verdict == "wait"]
    if unsure:
        return "wait", f"not sure yet of: {'; '.join(map(_said, unsure))}, {on}"
    return "pass", f"{'; '.join(map(_said, checks))}, {on}"


def _above(what: str, of_devices: Floats, limit: float) -> CanaryCheck:
    """Check that what is measured on devices is not below a limit."""
    if not len(of_devices):
        return CanaryCheck(what, math.nan, -math.inf, math.inf, limit, "wait")
    mean = float(of_devices.mean())
    spread = float(np.std(of_devices, ddof=1)) if len(of_devices) > 1 else math.inf
    error = STANDARD_ERRORS * spread / math.sqrt(len(of_devices))
    least, most = mean - error, mean + error
    verdict: Verdict = "breach" if most < limit else "pass" if least >= limit else "wait"
    return CanaryCheck(what, mean, least, most, limit, verdict)


def _latency(measured: Measured, limit: float) -> CanaryCheck:
    """Check the time for a window; a difference that nobody would notice is none."""
    ratio = measured.canary_ms / measured.stable_ms if measured.stable_ms else math.nan
    noticed = measured.canary_ms - measured.stable_ms > UNNOTICED_MS
    verdict: Verdict = "wait" if math.isnan(ratio) else "breach" if ratio > limit and noticed else "pass"
    return CanaryCheck("time for a window, times stable's", ratio, ratio, ratio, limit, verdict)


def _said(check: CanaryCheck) -> str:
    return f"{check.what} {check.value:.3g} ({check.least:.3g} to {check.most:.3g}; limit {check.limit:g})"
