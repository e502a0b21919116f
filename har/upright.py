"""The upright reference of a session: which way gravity points in the phone while its wearer walks.

The mean acceleration of a window points against gravity. While the network calls windows ``walk``, the wearer's trunk
and thigh are upright on average, so the mean of their directions is the **upright reference** of this phone in its
place. The **lean** of a later window is the angle between its direction and the reference. At the waist it tells
sitting from standing. In a trouser pocket it does so, too, as the thigh of a wearer who sits is horizontal.
docs/upright.md has the measurements behind each default.

`judge` takes the windows of one session in order of their start. It reads no clock, so a replay gives the same answers.
Its arithmetic is ``+ - * /`` and square roots of float64, each of which IEEE 754 rounds in exactly one way:
`ingest/phone_page/classification/upright.js` gives the same bits, so no expression here may be rearranged.
"""

import math
from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.upright_rule import POSTURES, UprightRule

__all__ = ["NO_REFERENCE", "POSTURES", "Reference", "UprightRule", "Vector", "direction_of", "gravity_of", "judge"]

#: The class whose windows the reference is learned from.
WALK: Final = "walk"
#: The classes of a wearer who is upright and moves, in the order of their sum.
ON_FOOT: Final = ("walk", "stairsup", "stairsdown", "jog")

#: A vector of x, y and z.
Vector = tuple[float, float, float]
_ORIGIN: Final[Vector] = (0.0, 0.0, 0.0)


class Reference(msgspec.Struct, frozen=True, array_like=True):
    """What one session has learned about upright. It is of fixed size and can be encoded as JSON.

    Attributes
    ----------
    upright : tuple of float
        Mean of the unit vectors of walking windows; zero without a reference.
    windows : int
        Number of windows in it, at most `UprightRule.most_weight`; 0 without a reference.
    other : tuple of float
        The same of the latest walking windows that agree with each other and not with the reference.
    others : int
        Number of windows in it, below `UprightRule.needed`.
    contrary : int
        Number of latest windows, in a row, that contradict the reference.
    latest_us : int or None
        Start of the latest window, µs since the epoch; None before the first.
    """

    upright: Vector = _ORIGIN
    windows: int = 0
    other: Vector = _ORIGIN
    others: int = 0
    contrary: int = 0
    latest_us: int | None = None


#: The state of a session before its first window.
NO_REFERENCE: Final = Reference()


def gravity_of(window: NDArray[np.float32]) -> Vector:
    """Return the mean acceleration of a window, m/s².

    Parameters
    ----------
    window : ndarray of float32, shape (steps, 3)
        m/s², gravity included.

    Examples
    --------
    >>> gravity_of(np.array([[0, 0, 9], [0, 1, 11]], np.float32))
    (0.0, 0.5, 10.0)
    """
    # A cumulative sum adds one step after the other. NumPy's `sum` may add in pairs, which rounds otherwise.
    x, y, z = (np.cumsum(window, axis=0, dtype=np.float64)[-1] / len(window)).tolist()
    return x, y, z


def direction_of(gravity: Vector) -> Vector | None:
    """Return the direction of a mean acceleration, a unit vector; None if it has none.

    Examples
    --------
    >>> direction_of((0.0, 3.0, 4.0)), direction_of((0.0, 0.0, 0.0))
    ((0.0, 0.6, 0.8), None)
    """
    length = _length(gravity)
    if not 0 < length < math.inf:
        return None
    return gravity[0] / length, gravity[1] / length, gravity[2] / length


def judge(
    reference: Reference, rule: UprightRule, gravity: Vector, start_us: int, probabilities: Mapping[str, float]
) -> tuple[dict[str, float], float | None, Reference]:
    """Use the reference for one window, and learn from the window.

    The window never influences its own answer: what is learned from it is used from the next window on.

    Parameters
    ----------
    reference : Reference
        What the session's earlier windows gave; `NO_REFERENCE` before the first.
    rule : UprightRule
        The release's rule.
    gravity : tuple of float
        Of the window, from `gravity_of`, m/s².
    start_us : int
        The window's start, µs since the epoch. A window that is not later than the one before is answered without a
        reference and not learned from.
    probabilities : mapping of str to float
        By class, by the network alone. They may sum to less than 1.

    Returns
    -------
    probabilities : dict of str to float
        By class, in the same order. Only those of the postures among the classes differ, and their sum stays, up to
        rounding. Without a reference, all are the same.
    cosine : float or None
        Cosine of the lean that was used, -1 to 1; None without a reference.
    reference : Reference
        For the session's next window.

    Examples
    --------
    Ten windows of walking, and one that leans by 30 degrees:

    >>> state, rule = NO_REFERENCE, UprightRule()
    >>> for second in range(1, 11):
    ...     _, cosine, state = judge(state, rule, (0.0, 9.81, 0.0), second * 1_000_000, {"walk": 0.95, "sit": 0.05})
    >>> judged, cosine, _ = judge(state, rule, (0.0, 8.5, 4.9), 11_000_000, {"sit": 0.25, "stand": 0.25, "walk": 0.5})
    >>> {name: round(value, 3) for name, value in judged.items()}, round(cosine, 3)
    ({'sit': 0.455, 'stand': 0.045, 'walk': 0.5}, 0.866)
    """
    latest_us = reference.latest_us
    if latest_us is not None and start_us <= latest_us:
        return dict(probabilities), None, reference
    if latest_us is not None and start_us - latest_us > rule.forget_after_us:
        reference = NO_REFERENCE
    direction = direction_of(gravity)
    if direction is None:
        return dict(probabilities), None, msgspec.structs.replace(reference, latest_us=start_us)
    cosine = _cosine(direction, reference.upright) if reference.windows else None
    after = _after(reference, rule, direction, cosine, start_us, probabilities)
    if cosine is None or reference.others >= rule.doubted_after:
        return dict(probabilities), None, after
    return _weighed(probabilities, rule, cosine), cosine, after


def _after(
    reference: Reference,
    rule: UprightRule,
    direction: Vector,
    cosine: float | None,
    start_us: int,
    probabilities: Mapping[str, float],
) -> Reference:
    """Return the reference after a window; `cosine` is that of its lean, None without a reference."""
    contrary = 0
    if cosine is not None and _contradicts(rule, cosine, probabilities):
        contrary = reference.contrary + 1
        if contrary >= rule.contrary_windows:
            return Reference(latest_us=start_us)
    upright, windows, other, others = reference.upright, reference.windows, reference.other, reference.others
    if probabilities.get(WALK, 0.0) < rule.least_walk:
        return Reference(upright, windows, other, others, contrary, start_us)
    if cosine is not None and cosine >= rule.agreement:
        windows = min(windows + 1, rule.most_weight)
        return Reference(_joined(upright, direction, windows), windows, latest_us=start_us)
    if others and _cosine(direction, other) >= rule.agreement:
        others += 1
        other = _joined(other, direction, others)
    else:
        other, others = direction, 1
    if others >= rule.needed:
        return Reference(other, others, latest_us=start_us)
    return Reference(upright, windows, other, others, contrary, start_us)


def _contradicts(rule: UprightRule, cosine: float, probabilities: Mapping[str, float]) -> bool:
    """Return whether a window shows that the phone is no longer as it was when the reference was learned."""
    on_foot = 0.0
    for name in ON_FOOT:
        on_foot = on_foot + probabilities.get(name, 0.0)
    return cosine < rule.any_below or (cosine < rule.on_foot_below and on_foot >= rule.least_walk)


def _weighed(probabilities: Mapping[str, float], rule: UprightRule, cosine: float) -> dict[str, float]:
    """Return the probabilities with those of the postures multiplied by their factors; the postures' sum stays."""
    weighed: dict[str, float] = {}
    before = after = 0.0
    for name in POSTURES:
        if name in probabilities:
            weighed[name] = probabilities[name] * rule.factor(name, cosine)
            before = before + probabilities[name]
            after = after + weighed[name]
    if not after > 0:
        return dict(probabilities)
    scale = before / after
    return {name: weighed[name] * scale if name in weighed else value for name, value in probabilities.items()}


def _length(vector: Vector) -> float:
    x, y, z = vector
    return math.sqrt(x * x + y * y + z * z)


def _cosine(direction: Vector, mean: Vector) -> float:
    """Return the cosine between a unit vector and a mean of unit vectors that is not zero."""
    x, y, z = direction
    cosine = (x * mean[0] + y * mean[1] + z * mean[2]) / _length(mean)
    return min(1.0, max(-1.0, cosine))


def _joined(mean: Vector, direction: Vector, count: int) -> Vector:
    """Return the mean after a direction has joined it as one of `count`."""
    x, y, z = mean
    return x + (direction[0] - x) / count, y + (direction[1] - y) / count, z + (direction[2] - z) / count
