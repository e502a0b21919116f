"""Whether the readings under a window tell enough to name an activity.

A window is always 200 even values, whatever it was made from. A network names an activity for it even if the phone
measured ten times a second, or its clock stood still. So every window carries a `SignalQuality`, measured on the raw
readings it was made from, and a release's manifest states the `SignalBounds` that its network needs. A window outside
the bounds is ``unknown`` with a reason, and the network's opinion of it is not asked.

* **Spacing.** Each spacing between two readings counts by its own length: the mean is the spacing at a random moment
  of the window. For even readings it is the period. Jitter, missing readings and pauses make it longer than that, in
  the measure in which they spoil the window. Its inverse is the **effective rate**.
* **Standstill.** Several different readings with one time show that the clock stood still until the next time. The
  standstill is the part of the mean spacing that such times cause.
* **Values.** A sensor that does not work shows the same value for seconds; one with too small a range stays at the end
  of it while the other axes move; one of eight bits or less has coarse steps.

The quality depends only on the readings under the window, and is equal bit for bit wherever reading began.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.resampling import Floats, Times
from har.time_units import MICROSECONDS

#: Why a window cannot be classified, in the order of the checks: the first that is found is given.
Reason = Literal["sparse", "clock", "pauses", "constant", "coarse", "clipped"]
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)

#: What each reason means, for the people who carry the phone.
EXPLANATIONS: Final[dict[Reason, str]] = {
    "sparse": "the phone measures too rarely",
    "clock": "the phone's clock stands still: several readings have the same time",
    "pauses": "readings are missing: there are pauses between them",
    "constant": "the sensor shows the same value all the time",
    "coarse": "the sensor's values are too coarse",
    "clipped": "the movement exceeds the sensor's range, or an axis does not work",
}

#: An axis is clipped only if another moves meanwhile: by more than this between the lowest and the highest tenth of its
#: values, m/s². At rest an axis may stay at one value without being clipped.
MOVING = 1.5


_HOUR_US = 3_600 * MICROSECONDS


class SignalQuality(NamedTuple):
    """What the readings under a window are like.

    Attributes
    ----------
    readings : int
        Number of readings with different times, without the last one.
    covered_us : int
        Time from the first to the last of them, µs: a little more than the window and the filter's reach.
    mean_spacing_us : float
        Mean spacing between two readings, each weighted by its length, µs.
    longest_spacing_us : int
        Longest spacing, µs.
    standstill_us : float
        The part of `mean_spacing_us` that follows times with several different readings, µs.
    is_constant : bool
        Whether all readings are exactly equal.
    clipped_share : float
        Largest share of the readings at which an axis is at one end of its values while another axis moves, 0 to 1; 0
        if no axis is there for more than a tenth of the readings.
    step : float
        Smallest difference between two different values of an axis, m/s²; 0 if all are equal.
    """

    readings: int
    covered_us: int
    mean_spacing_us: float
    longest_spacing_us: int
    standstill_us: float
    is_constant: bool
    clipped_share: float
    step: float


class SignalBounds(msgspec.Struct, frozen=True):
    """The least quality of the readings with which a network's activities can be trusted; a release's manifest has it.

    The defaults were measured on real recordings with the shipped release (docs/windows.md). They hold for releases
    whose manifest states none.

    Attributes
    ----------
    lowest_rate_hz : float
        Lowest effective rate, Hz.
    longest_spacing_us : int
        Longest spacing between two readings, µs.
    longest_standstill_us : int
        Longest standstill of the clock, µs; see `SignalQuality.standstill_us`.
    largest_clipped_share : float
        Largest share of clipped readings, 0 to 1.
    coarsest_step : float
        Coarsest step of the values, m/s².
    """

    lowest_rate_hz: float = 40.0
    longest_spacing_us: int = 100_000
    longest_standstill_us: int = 12_000
    largest_clipped_share: float = 0.1
    coarsest_step: float = 0.2

    def reason(self, quality: SignalQuality) -> Reason | None:
        """Return why a window of this quality cannot be classified; None if it can.

        Examples
        --------
        Fifty, ten, and five readings a second:

        >>> axes, contested = np.random.default_rng(0).normal(0, 1, (41, 3)), np.zeros(41, bool)
        >>> for period_us in (20_000, 100_000, 200_000):
        ...     SignalBounds().reason(signal_quality(np.arange(41) * period_us, axes, contested))
        'sparse'
        'sparse'
        """
        longest_mean_us = MICROSECONDS / self.lowest_rate_hz
        is_slow = quality.mean_spacing_us > longest_mean_us
        # Without a spacing that lets a reading be missed, the rate itself is too low: now and then, or with the jitter.
        has_pause = quality.longest_spacing_us > 2 * longest_mean_us
        found: dict[Reason, bool] = {
            "clock": quality.standstill_us > self.longest_standstill_us,
            "sparse": quality.covered_us / quality.readings > longest_mean_us or (is_slow and not has_pause),
            "pauses": is_slow or quality.longest_spacing_us > self.longest_spacing_us,
            "constant": quality.is_constant,
            "coarse": quality.step > self.coarsest_step,  # a coarse signal may look clipped, too
            "clipped": quality.clipped_share > self.largest_clipped_share,
        }
        return next((reason for reason, is_found in found.items() if is_found), None)

    def faults(self) -> str | None:
        """Return what is wrong with the bounds themselves; None if they can be used."""
        # A comparison with NaN is false, so NaN is found, too.
        if not 0 < self.lowest_rate_hz <= MICROSECONDS:
            return f"lowest_rate_hz must be above 0, not {self.lowest_rate_hz}"
        if not (0 < self.longest_spacing_us <= _HOUR_US and 0 <= self.longest_standstill_us <= _HOUR_US):
            return "longest_spacing_us must be above 0, longest_standstill_us 0 or more, and both at most an hour"
        if not (0 <= self.largest_clipped_share <= 1 and 0 <= self.coarsest_step < float("inf")):
            return "largest_clipped_share must be from 0 to 1, and coarsest_step 0 or more"
        return None


#: The bounds of a training that states none, and of the shipped releases. Training reads some windows slowly, so the
#: network needs fewer readings than those of older releases, whose manifests state no bounds.
TRAINED = SignalBounds(lowest_rate_hz=18.0, longest_spacing_us=150_000)


def counted_reasons(windows: Mapping[str, int]) -> str:
    """Return the number of windows of each reason as text.

    Examples
    --------
    >>> counted_reasons({"sparse": 1200, "pauses": 3})
    'sparse (1,200), pauses (3)'
    """
    return ", ".join(f"{reason} ({count:,})" for reason, count in windows.items())


def signal_quality(times: Times, axes: Floats, contested: NDArray[np.bool_]) -> SignalQuality:
    """Measure the quality of the readings under a window.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        Strictly increasing event times, µs; two or more.
    axes : ndarray of float64, shape (n, 3)
        m/s², gravity included.
    contested : ndarray of bool, shape (n,)
        Whether there were several different readings with this time.
    """
    spacings = times[1:] - times[:-1]
    covered = int(times[-1]) - int(times[0])
    standing = spacings[contested[:-1]]
    ordered = np.sort(axes, axis=0)
    rises = ordered[1:] - ordered[:-1]
    rises = rises[rises > 0]
    return SignalQuality(
        readings=len(spacings),
        covered_us=covered,
        mean_spacing_us=int(np.dot(spacings, spacings)) / covered,
        longest_spacing_us=int(spacings.max()),
        standstill_us=int(np.dot(standing, standing)) / covered,
        is_constant=not len(rises),
        clipped_share=_clipped_share(axes, ordered),
        step=float(rises.min()) if len(rises) else 0.0,
    )


def _clipped_share(axes: Floats, ordered: Floats) -> float:
    """Return the largest share of readings at which an axis is at one end of its values and another axis moves."""
    tenth = len(axes) // 10
    # Most windows have no axis with a tenth of its readings at one end, and are not looked at closely.
    ends = [(axis, 0) for axis in range(3) if ordered[tenth, axis] == ordered[0, axis]]
    ends += [(axis, -1) for axis in range(3) if ordered[-1 - tenth, axis] == ordered[-1, axis]]
    share = 0.0
    for axis, end in ends:
        there = np.sort(axes[axes[:, axis] == ordered[end, axis]], axis=0)
        tenth = len(there) // 10
        if float((there[-1 - tenth] - there[tenth]).max()) > MOVING:
            share = max(share, len(there) / len(axes))
    return share
