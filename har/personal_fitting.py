"""Make a personal head from a wearer's own labelled windows, and keep it only if it answers held-back seconds better.

The head is a multinomial logistic regression on what `har.personal_head.signals_of` returns. It begins as the
identity, which keeps the network's answers, and is drawn back to it by a penalty on the squared distance (X. Li, Y.
Grandvalet and F. Davoine, "Explicit inductive bias for transfer learning with convolutional networks", ICML 2018, call
it L2-SP). All labelled activities count equally, however long each was recorded. docs/personalisation.md has the
measurements.

A last part of each activity's time is held back. A head that was fitted to the first part must answer it better than
the network alone. Then the head is fitted to all of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from har.personal_head import HeldBack, PersonalHead, signals_of
from har.scoring import equal_shares
from har.time_units import MICROSECONDS
from har.upright import Vector, direction_of

#: Labelled time of an activity below which it is not used, s. With 8 s, heads did harm.
LEAST_SECONDS = 15.0
#: Share of each activity's time that is held back, at its end.
HELD_BACK_SHARE = 1 / 3
#: Fewest labelled activities: one alone would say that everything is this activity.
LEAST_ACTIVITIES = 2
#: Most windows of an activity; the newest are used.
MOST_WINDOWS = 300
#: Weight of the penalty on the distance from the identity.
PENALTY = 0.03
STEPS = 1_000

_NOT_TESTED = HeldBack(0, 0.0, 0.0, 0.0, 0.0)

Floats = NDArray[np.float64]


class PersonalisationError(ValueError):
    """No head can be made from these windows, or it does not answer better than the network."""


@dataclass(frozen=True)
class LabelledWindow:
    """A window of a wearer with the network's answer and the wearer's label.

    Attributes
    ----------
    session : str
        Name of the session.
    start : int
        Event time of its first value, µs since the epoch.
    label : str
        A class of the release.
    probabilities : sequence of float
        The network's output.
    gravity : tuple of float
        Mean acceleration, m/s² (`har.upright.gravity_of`).
    """

    session: str
    start: int
    label: str
    probabilities: Sequence[float]
    gravity: Vector


@dataclass(frozen=True)
class FittedHead:
    """The fitted parts of a `PersonalHead`; see its attributes."""

    weights: list[list[float]]
    offsets: list[float]
    directions: list[Vector]
    seconds: dict[str, float]
    held_back: HeldBack

    def of(self, device: str, release: str, outputs: Sequence[str], classes: int) -> PersonalHead:
        """Return the head of a device. Its number and its times are those that a store replaces.

        Parameters
        ----------
        device, release, outputs, classes
            The head's attributes of the same names.
        """
        return PersonalHead(
            device=device,
            number=1,
            release=release,
            outputs=list(outputs),
            classes=classes,
            weights=self.weights,
            offsets=self.offsets,
            directions=self.directions,
            seconds=self.seconds,
            held_back=self.held_back,
            effective=0,
            made="",
        )


def fit_head(windows: Sequence[LabelledWindow], outputs: Sequence[str], *, classes: int, length_us: int) -> FittedHead:
    """Fit a head, and accept it only if it answers the held-back windows better.

    It is compared as it would be used: within its limits (`har.personal_head`).

    Parameters
    ----------
    windows : sequence of LabelledWindow
        The wearer's labelled windows. They may overlap.
    outputs : sequence of str
        The release's classes and kinds of background.
    classes : int
        Number of classes among the outputs; they come first.
    length_us : int
        Length of a window, µs.

    Raises
    ------
    PersonalisationError
        If fewer than `LEAST_ACTIVITIES` activities have `LEAST_SECONDS` of labelled time, or the held-back windows are
        not answered better. It says which, with figures.
    """
    by_label = _enough(windows, length_us)
    first: dict[str, list[LabelledWindow]] = {}
    last: list[LabelledWindow] = []
    for label, shown in by_label.items():
        first[label], held = _divided(shown, length_us)
        if not first[label] or not held:
            raise PersonalisationError(f"the labelled time of {label} is too short to hold a part back: label more")
        last += held
    tried = _fitted_head(first, outputs, length_us, _NOT_TESTED)
    held_back = _compared(last, outputs, tried.of("", "", outputs, classes))
    if not held_back.improves:
        raise PersonalisationError(
            f"a personal head would not answer better: {held_back.right_before:.0%} of the held-back windows were "
            f"right without it, and {held_back.right_after:.0%} with it (loss {held_back.loss_before:.2f} and "
            f"{held_back.loss_after:.2f})"
        )
    return _fitted_head(by_label, outputs, length_us, held_back)


def covered_seconds(windows: Sequence[LabelledWindow], length_us: int) -> float:
    """Return the time that windows cover together, s. Overlapping windows count once.

    Examples
    --------
    >>> at = [LabelledWindow("s", start, "sit", [], (0, 0, 9.81)) for start in (0, 1_000_000, 9_000_000)]
    >>> covered_seconds(at, 4_000_000)
    9.0
    """
    total, ends = 0, dict[str, int]()
    for window in _in_order(windows):
        end = window.start + length_us
        total += end - max(window.start, ends.get(window.session, window.start))
        ends[window.session] = end
    return total / MICROSECONDS


def _enough(windows: Sequence[LabelledWindow], length_us: int) -> dict[str, list[LabelledWindow]]:
    by_label: dict[str, list[LabelledWindow]] = {}
    for window in _in_order(windows):
        if direction_of(window.gravity) is not None:
            by_label.setdefault(window.label, []).append(window)
    seconds = {label: covered_seconds(shown, length_us) for label, shown in by_label.items()}
    enough = {label: by_label[label][-MOST_WINDOWS:] for label in sorted(by_label) if seconds[label] >= LEAST_SECONDS}
    if len(enough) < LEAST_ACTIVITIES:
        found = ", ".join(f"{label} {seconds[label]:.0f} s" for label in sorted(seconds)) or "none"
        raise PersonalisationError(
            f"a personal head needs at least {LEAST_SECONDS:g} s of labelled time of at least {LEAST_ACTIVITIES} "
            f"activities; labelled are: {found}"
        )
    return enough


def _divided(windows: Sequence[LabelledWindow], length_us: int) -> tuple[list[LabelledWindow], list[LabelledWindow]]:
    """Divide windows in order into those of the first time and those of the last, without a reading in both."""
    seconds = covered_seconds(windows, length_us) * (1 - HELD_BACK_SHARE)
    counts = range(1, len(windows) + 1)
    count = next(number for number in counts if covered_seconds(windows[:number], length_us) >= seconds)
    first = list(windows[:count])
    boundary = first[-1]
    last = [
        window
        for window in windows[count:]
        if window.session != boundary.session or window.start >= boundary.start + length_us
    ]
    if last:
        return first, last
    # All later windows overlap the first part: the two parts meet where the windows end.
    last = [windows[-1]]
    first = [
        window for window in first if window.session != last[0].session or window.start + length_us <= last[0].start
    ]
    return first, last


def _fitted_head(
    by_label: Mapping[str, Sequence[LabelledWindow]], outputs: Sequence[str], length_us: int, held_back: HeldBack
) -> FittedHead:
    signals, labels = _matrices([window for shown in by_label.values() for window in shown], outputs)
    weights, offsets = _fitted(signals, labels, len(outputs))
    return FittedHead(
        weights.tolist(),
        offsets.tolist(),
        [direction for shown in by_label.values() if (direction := _mean_direction(shown)) is not None],
        {label: covered_seconds(shown, length_us) for label, shown in by_label.items()},
        held_back,
    )


def _matrices(windows: Sequence[LabelledWindow], outputs: Sequence[str]) -> tuple[Floats, NDArray[np.int64]]:
    numbers = {name: number for number, name in enumerate(outputs)}
    rows = [
        signals_of(window.probabilities, direction)
        for window in windows
        if (direction := direction_of(window.gravity)) is not None
    ]
    return np.array(rows, np.float64), np.array([numbers[window.label] for window in windows], np.int64)


def _fitted(signals: Floats, labels: NDArray[np.int64], outputs: int) -> tuple[Floats, Floats]:
    """Return weights and offsets, by gradient descent with Nesterov's momentum."""
    count, width = signals.shape
    identity = np.zeros((width + 1, outputs))
    identity[:outputs] = np.eye(outputs)
    rows = np.concatenate([signals, np.ones((count, 1))], axis=1)
    shares = equal_shares(labels)
    # The gradient of the softmax changes at most by half the squared length of a row.
    step = 1 / (0.5 * float((rows**2).sum(axis=1).max()) + PENALTY)
    target = np.zeros((count, outputs))
    target[np.arange(count), labels] = 1
    head, ahead = identity.copy(), identity.copy()
    for number in range(STEPS):
        error = (_softmax(rows @ ahead) - target) * shares[:, None]
        after = ahead - step * (rows.T @ error + PENALTY * (ahead - identity))
        ahead = after + number / (number + 3) * (after - head)
        head = after
    return head[:width], head[width]


def _compared(windows: Sequence[LabelledWindow], outputs: Sequence[str], head: PersonalHead) -> HeldBack:
    signals, labels = _matrices(windows, outputs)
    before = _softmax(signals[:, : len(outputs)])
    answers = (head.corrected(window.probabilities, window.gravity) for window in windows)
    after = np.array([alone if answer is None else answer for alone, answer in zip(before, answers, strict=True)])
    shares = equal_shares(labels)

    def right(found: Floats) -> float:
        return float(shares @ (found.argmax(axis=1) == labels))

    def loss(found: Floats) -> float:
        return float(shares @ -np.log(np.maximum(found[np.arange(len(labels)), labels], 1e-12)))

    return HeldBack(len(windows), right(before), right(after), loss(before), loss(after))


def _softmax(sums: Floats) -> Floats:
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _mean_direction(windows: Sequence[LabelledWindow]) -> Vector | None:
    directions = [direction for window in windows if (direction := direction_of(window.gravity)) is not None]
    x, y, z = np.mean(np.array(directions), axis=0).tolist()
    return direction_of((x, y, z))


def _in_order(windows: Sequence[LabelledWindow]) -> list[LabelledWindow]:
    return sorted(windows, key=lambda window: (window.start, window.session))
