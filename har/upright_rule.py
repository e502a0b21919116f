"""How a release learns, uses and forgets the upright reference of a session (`har.upright`)."""

from itertools import pairwise
from typing import Final, Literal, get_args

import msgspec

from har.time_units import MICROSECONDS

Posture = Literal["sit", "stand", "lie"]
#: The classes that the lean weighs against each other, in the order of their sums.
POSTURES: Final[tuple[Posture, ...]] = get_args(Posture)

#: A piecewise linear function of the lean's cosine: points ``(cosine, factor)`` in increasing order of the cosine.
#: Beyond its ends it keeps the factor of the nearest point.
Curve = tuple[tuple[float, float], ...]

_MAX_POINTS = 16
_MAX_WINDOWS = 1_000
_DAY_US = 86_400 * MICROSECONDS


class UprightRule(msgspec.Struct, frozen=True):
    """How a reference is learned, used and forgotten; a release's manifest may have one.

    The defaults were measured on recordings at the waist and in trouser pockets (docs/upright.md).

    Attributes
    ----------
    sit, stand, lie : tuple of (float, float)
        By which factor of the lean's cosine the probability of each posture is multiplied; see `Curve`.
    least_walk : float
        Least probability, by the network alone, of ``walk`` for a window to be learned from, and of all classes on
        foot together for a window to contradict the reference.
    needed : int
        Number of walking windows that agree, one after another, before there is a reference.
    agreement : float
        Least cosine between the direction of a walking window and the mean that it joins.
    doubted_after : int
        Number of walking windows in a row that disagree with the reference, and agree with each other, after which it
        is not used. After `needed` they become the reference.
    most_weight : int
        Most windows that the mean counts, so that it follows a phone that slips slowly.
    forget_after_us : int
        A longer time between the starts of two windows ends the reference, µs.
    on_foot_below : float
        A window of a wearer on foot contradicts the reference if the lean's cosine is below this.
    any_below : float
        Every window contradicts the reference if the lean's cosine is below this: nobody stands on their head.
    contrary_windows : int
        Number of windows in a row that contradict the reference, after which it is forgotten.
    """

    sit: Curve = ((0.9781, 1.0), (0.9903, 0.1))
    stand: Curve = ((0.5, 0.02), (0.7071, 0.1), (0.9781, 0.1), (0.9903, 1.0))
    lie: Curve = ((0.342, 1.0), (0.6428, 0.02))
    least_walk: float = 0.9
    needed: int = 10
    agreement: float = 0.9659
    doubted_after: int = 3
    most_weight: int = 20
    forget_after_us: int = 600 * MICROSECONDS
    on_foot_below: float = 0.7071
    any_below: float = -0.6428
    contrary_windows: int = 5

    def factor(self, posture: Posture, cosine: float) -> float:
        """Return the factor of a posture for a lean.

        Examples
        --------
        >>> UprightRule(sit=((0.5, 1.0), (1.0, 0.2))).factor("sit", 0.75)
        0.6
        """
        curve: Curve = getattr(self, posture)
        left, low = curve[0]
        if cosine <= left:
            return low
        for right, high in curve[1:]:
            if cosine < right:
                return low + (high - low) * ((cosine - left) / (right - left))
            left, low = right, high
        return low

    def faults(self) -> str | None:
        """Return what is wrong with the rule itself; None if it can be used."""
        for name in POSTURES:
            if not _is_curve(getattr(self, name)):
                return (
                    f"{name} must have 1 to {_MAX_POINTS} points (cosine, factor), the cosines from -1 to 1 and "
                    "increasing, the factors above 0 and at most 1"
                )
        # A comparison with NaN is false, so NaN is found, too.
        if not (0 < self.least_walk <= 1 and 0 < self.agreement <= 1):
            return "least_walk and agreement must be above 0 and at most 1"
        if not (-1 <= self.on_foot_below <= 1 and -1 <= self.any_below <= 1):
            return "on_foot_below and any_below must be from -1 to 1"
        if not 1 <= self.doubted_after <= self.needed <= self.most_weight <= _MAX_WINDOWS:
            return f"doubted_after, needed and most_weight must be from 1 to {_MAX_WINDOWS}, none above the next"
        if not (1 <= self.contrary_windows <= _MAX_WINDOWS and 1 <= self.forget_after_us <= _DAY_US):
            return f"contrary_windows must be from 1 to {_MAX_WINDOWS}, and forget_after_us from 1 to {_DAY_US}"
        return None


def _is_curve(curve: Curve) -> bool:
    return (
        1 <= len(curve) <= _MAX_POINTS
        and all(-1 <= cosine <= 1 and 0 < factor <= 1 for cosine, factor in curve)
        and all(before < after for (before, _), (after, _) in pairwise(curve))
    )
