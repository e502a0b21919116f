"""Generated documents of the Sensor Logger app, for tests."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

START_NS = 1_698_501_144_401_773_000
START_US = START_NS // 1_000
#: 50 Hz.
PERIOD_NS = 20_000_000
#: One second of a phone that lies on its back and is shaken slightly: without gravity, gravity alone, and both, m/s².
SHAKEN = np.random.default_rng(5).normal(0, 0.5, (50, 3))
GRAVITY = np.tile([0.3, -0.4, 9.8], (50, 1))
TOTAL = SHAKEN + GRAVITY


def times_of(count: int, *, start: int = START_NS, period: int = PERIOD_NS) -> list[int]:
    return [start + number * period for number in range(count)]


def entries(name: str, axes: ArrayLike, times: Sequence[int] | None = None) -> list[dict[str, Any]]:
    rows = np.asarray(axes).tolist()
    return [
        {"name": name, "time": time, "accuracy": 3, "values": dict(zip("xyz", row, strict=True))}
        for time, row in zip(times if times is not None else times_of(len(rows)), rows, strict=True)
    ]


def document(*payload: Any, **fields: Any) -> bytes:
    """Return a document; entries may be given one by one or as lists."""
    flat = [entry for part in payload for entry in (part if isinstance(part, list) else [part])]
    return json.dumps({"messageId": 4, "sessionId": "s-1", "deviceId": "d-1", "payload": flat} | fields).encode()
