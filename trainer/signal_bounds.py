"""Bounds of the signal quality as text, as the commands take them: ``lowest_rate_hz=15,longest_spacing_us=200000``."""

from __future__ import annotations

from typing import Any

import msgspec

from har.signal_quality import TRAINED, SignalBounds


def bounds_of(text: str | None) -> SignalBounds:
    """Return the bounds that a text states; a bound that it does not state is that of `TRAINED`. None states none.

    Raises
    ------
    ValueError
        If a name is no bound or is given twice, or a value cannot be used.

    Examples
    --------
    >>> bounds = bounds_of("lowest_rate_hz=15, longest_spacing_us=200000")
    >>> bounds.lowest_rate_hz, bounds.longest_spacing_us, bounds.coarsest_step
    (15.0, 200000, 0.2)
    >>> bounds_of(None) == TRAINED
    True
    """
    stated: dict[str, Any] = {}
    defaults = msgspec.structs.asdict(TRAINED)
    for part in filter(None, map(str.strip, (text or "").split(","))):
        name, _, value = map(str.strip, part.partition("="))
        if name not in defaults:
            raise ValueError(f"{name} is no bound: state {', '.join(defaults)} as NAME=VALUE")
        if name in stated:
            raise ValueError(f"{name} is given twice")
        kind = type(defaults[name])
        try:
            stated[name] = kind(value)
        except ValueError as error:
            number = "a whole number" if kind is int else "a number"
            raise ValueError(f"{name} must be {number}, not {value!r}") from error
    bounds = SignalBounds(**(defaults | stated))
    if (fault := bounds.faults()) is not None:
        raise ValueError(fault)
    return bounds


def require_bounds(text: str) -> str:
    """Return the text if it states bounds that can be used, for settings.

    Raises
    ------
    ValueError
        If it does not.
    """
    bounds_of(text)
    return text
