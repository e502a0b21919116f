"""Made sessions of windows for the upright reference."""

from collections.abc import Sequence

import numpy as np

CLASSES = ("sit", "stand", "walk", "stairsup", "stairsdown", "jog", "lie")
SECOND = 1_000_000
BEGIN = 1_764_000_000 * SECOND

#: Gravity (m/s²), start (µs) and probabilities of each window.
UprightSession = list[tuple[tuple[float, float, float], int, dict[str, float]]]


def upright_session(
    random: np.random.Generator, *, classes: Sequence[str] = CLASSES, restless: float = 0.05, windows: int = 120
) -> UprightSession:
    """Return a session of bouts of one class each, in which the phone may be turned, pause, or repeat a window.

    Parameters
    ----------
    random : numpy.random.Generator
        Source of chance.
    classes : sequence of str
        The classes of the release.
    restless : float
        Chance of each of these disturbances, in each window.
    windows : int
        Number of windows.
    """
    down, start, activity = random.normal(0, 1, 3), BEGIN, classes[0]
    session: UprightSession = []
    for number in range(windows):
        if number % 20 == 0:
            activity = "walk" if number % 40 == 0 and "walk" in classes else str(random.choice(list(classes)))
        if random.random() < restless:
            down = random.normal(0, 1, 3)
        lean = random.normal(0, {"walk": 0.02, "sit": 0.6}.get(activity, 0.2), 3)
        gravity = 9.8 * (down / np.linalg.norm(down) + lean)
        start += int(random.choice([0, 3, 700]) * SECOND) if random.random() < restless else SECOND
        odds = random.random(len(classes)) * 0.1
        odds[list(classes).index(activity)] += random.choice([0.2, 2, 20])
        values = (odds / odds.sum() * random.choice([1.0, 1.0, 0.7])).astype(np.float32)
        x, y, z = gravity.tolist()
        session.append(((x, y, z), start, dict(zip(classes, values.tolist(), strict=True))))
    return session
