"""A personal head: what a release's network says of one wearer, corrected by what this wearer labelled.

A network that has never seen a phone, or a way to wear it, confuses activities in a way that is peculiar to that
wearer. A head is a small layer after the network. It takes the logarithms of the network's probabilities and the
direction of gravity in the phone, and returns corrected probabilities of the same outputs. It needs no access to the
inside of a network, so that it fits every format of a release, and it has a few hundred numbers.
`har.personal_fitting` makes it.

A head holds for a phone that is worn as it was while the wearer labelled. A window whose direction of gravity is
further away than `LEAST_COSINE` from those of all labelled activities keeps the network's answer. Nobody labels a
table or a vehicle, so a head knows little about the background: it may lower its odds by `LARGEST_ODDS_CUT` at most.
"""

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from har.release_documents import ReleaseError, decode_document, require_plain_name
from har.upright import Vector, direction_of

SCHEMA = 1
MAX_HEAD_BYTES = 65_536
#: Largest number of classes and kinds of background of a head.
MAX_OUTPUTS = 64
#: Probabilities below this count as this, so that their logarithms are finite.
LEAST_PROBABILITY = 1e-6
#: Factor of the direction of gravity beside the logarithms. Chosen from 1, 3, 10, 20 and 30 (docs/personalisation.md).
GRAVITY_SCALE = 10.0
#: Least cosine of the angle (45 degrees) between a window's direction of gravity and one of the head's directions.
LEAST_COSINE: Final = 0.7071067811865476
#: Most by which a head divides the odds of the background, all kinds together.
LARGEST_ODDS_CUT: Final = 4.0
_AXES = 3
_LARGEST_WEIGHT = 1e6
_LEAST_DIVISOR = 1e-100
#: Equal shares of right answers may differ by this, as they are sums in another order.
_ROUNDING = 1e-9


class HeldBack(msgspec.Struct, frozen=True):
    """How a head did on labelled seconds that it was not fitted to, against the network alone.

    Attributes
    ----------
    windows : int
        Number of windows.
    right_before, right_after : float
        Mean over the classes of the share of right answers, without and with the head.
    loss_before, loss_after : float
        Mean over the classes of the cross-entropy, nats.
    """

    windows: int
    right_before: float
    right_after: float
    loss_before: float
    loss_after: float

    @property
    def improves(self) -> bool:
        """Whether the head answers better: no class-mean share of right answers is lost, and the loss falls."""
        return self.right_after >= self.right_before - _ROUNDING and self.loss_after < self.loss_before


class PersonalHead(msgspec.Struct, frozen=True, kw_only=True):
    """The personal head of one device for one release.

    Attributes
    ----------
    device : str
        Name of the device.
    number : int
        Number of the head, from 1. Later heads of the device have larger numbers; no number is used twice.
    release : str
        The release whose network it corrects.
    outputs : list of str
        The release's classes and kinds of background, in their order.
    classes : int
        Number of classes among the outputs; they come first.
    weights : list of list of float
        A row for each output, in its order, and for x, y and z of gravity; a column for each output.
    offsets : list of float
        One for each output.
    directions : list of (float, float, float)
        For each labelled activity the mean direction of the acceleration, gravity included, as a unit vector.
    seconds : dict of str to float
        By activity: labelled time that it was made from, s.
    held_back : HeldBack
        Result on labelled seconds that were held back.
    effective : int
        Arrival time at the gateway from which it applies in the stream, µs since the epoch. A device uses it at once.
    made : str
        When it was made, ISO 8601, UTC.
    schema : int
        Version of this document.
    """

    device: str
    number: int
    release: str
    outputs: list[str]
    classes: int
    weights: list[list[float]]
    offsets: list[float]
    directions: list[Vector]
    seconds: dict[str, float]
    held_back: HeldBack
    effective: int
    made: str
    schema: int = SCHEMA

    def fits(self, outputs: Sequence[str], classes: int) -> bool:
        """Return whether it corrects these outputs, of which the first `classes` are classes."""
        return (self.outputs, self.classes) == (list(outputs), classes)

    def corrected(self, probabilities: Sequence[float], gravity: Vector) -> list[float] | None:
        """Return the corrected probabilities of a window; None if the phone is not worn as it was while labelling.

        Parameters
        ----------
        probabilities : sequence of float
            The network's output, in the order of `outputs`.
        gravity : tuple of float
            Mean acceleration of the window, m/s² (`har.upright.gravity_of`).

        Returns
        -------
        list of float or None
            In the same order; they sum to 1, up to rounding.
        """
        direction = direction_of(gravity)
        if direction is None or all(_dot(direction, known) < LEAST_COSINE for known in self.directions):
            return None
        signals = signals_of(probabilities, direction)
        sums = list(self.offsets)
        for signal, row in zip(signals, self.weights, strict=True):
            for column, weight in enumerate(row):
                sums[column] += signal * weight
        return _with_background(softmax(sums), probabilities, self.classes)


def _with_background(corrected: list[float], before: Sequence[float], classes: int) -> list[float]:
    """Return corrected probabilities whose odds of the background are cut by `LARGEST_ODDS_CUT` at most."""
    # The sum of a float32 network's probabilities may be just above 1.
    share, after = min(1.0, math.fsum(before[classes:])), math.fsum(corrected[classes:])
    least = share / (share + LARGEST_ODDS_CUT * (1 - share))
    if after >= least:
        return corrected
    of_classes = (1 - least) / (1 - after)
    # Where next to nothing is left of the kinds, they are the network's: a quotient would overflow.
    kinds, of_kinds = (corrected, least / after) if after > _LEAST_DIVISOR else (before, least / share)
    return [value * of_classes for value in corrected[:classes]] + [value * of_kinds for value in kinds[classes:]]


def signals_of(probabilities: Sequence[float], direction: Vector) -> list[float]:
    """Return what a head sees of a window: centred logarithms of the probabilities, and the scaled direction.

    Parameters
    ----------
    probabilities : sequence of float
        The network's output.
    direction : tuple of float
        Unit vector of the mean acceleration.
    """
    logs = [math.log(max(value, LEAST_PROBABILITY)) for value in probabilities]
    mean = math.fsum(logs) / len(logs)
    return [*(value - mean for value in logs), *(GRAVITY_SCALE * part for part in direction)]


def softmax(sums: Sequence[float]) -> list[float]:
    """Return probabilities in proportion to the exponentials of some numbers.

    Examples
    --------
    >>> softmax([0.0, 0.0])
    [0.5, 0.5]
    """
    largest = max(sums)
    powers = [math.exp(value - largest) for value in sums]
    total = math.fsum(powers)
    return [value / total for value in powers]


def encode_head(head: PersonalHead) -> bytes:
    """Encode as JSON.

    Raises
    ------
    ReleaseError
        If the head contradicts itself.
    """
    _check(head)
    return msgspec.json.encode(head)


def decode_head(document: bytes) -> PersonalHead:
    """Decode and check a head.

    Raises
    ------
    ReleaseError
        If it is too large, not a head, of an unknown schema, or contradicts itself.
    """
    head = decode_document(
        document, PersonalHead, "personal head", schema=SCHEMA, limit=MAX_HEAD_BYTES, if_older="personalise again"
    )
    _check(head)
    return head


def _check(head: PersonalHead) -> None:
    require_plain_name(head.release, "a release's name")
    outputs = len(head.outputs)
    if not 1 < outputs <= MAX_OUTPUTS or len(set(head.outputs)) != outputs:
        raise ReleaseError(f"a personal head has 2 to {MAX_OUTPUTS} different outputs, not {head.outputs}")
    if not 1 < head.classes <= outputs:
        raise ReleaseError(f"a personal head corrects 2 to {outputs} classes, not {head.classes}")
    if head.number < 1:
        raise ReleaseError(f"the heads of a device are numbered from 1, not {head.number}")
    if len(head.weights) != outputs + _AXES or any(len(row) != outputs for row in head.weights):
        raise ReleaseError(f"the weights of a personal head must be {outputs + _AXES} rows of {outputs} numbers")
    if len(head.offsets) != outputs:
        raise ReleaseError(f"a personal head needs {outputs} offsets, not {len(head.offsets)}")
    numbers = [*head.offsets, *(weight for row in head.weights for weight in row)]
    if not all(abs(number) <= _LARGEST_WEIGHT for number in numbers):  # NaN must fail, too
        raise ReleaseError(f"a number of the personal head is not finite or beyond {_LARGEST_WEIGHT:g}")
    if not 1 <= len(head.directions) <= outputs or not all(_is_unit(direction) for direction in head.directions):
        raise ReleaseError("a personal head needs a unit vector for each labelled activity")
    if unknown := sorted(head.seconds.keys() - set(head.outputs[: head.classes])):
        raise ReleaseError(f"a personal head names labelled time of {unknown}, which are no classes")


def _is_unit(direction: Vector) -> bool:
    return abs(_dot(direction, direction) - 1) < 1e-6


def _dot(one: Vector, other: Vector) -> float:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]
