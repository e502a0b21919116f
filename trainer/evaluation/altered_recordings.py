"""Recordings as other phones would have measured them: with fewer readings a second, or worn turned."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from har.recordings import Recording
from har.time_units import MICROSECONDS
from trainer.fitting.rotations import random_rotations, rotate


def read_at(recording: Recording, rate_hz: float) -> Recording:
    """Return a recording of which at most so many readings a second are left, evenly spread.

    The first reading of each period is kept. A recording that has fewer readings than that is unchanged.

    Parameters
    ----------
    recording : Recording
        The recording. Its readings are put in the order of their times.
    rate_hz : float
        Readings per second.
    """
    order = np.argsort(recording.times, kind="stable")
    times = recording.times[order]
    periods = np.floor((times - times[:1]) * (rate_hz / MICROSECONDS)).astype(np.int64)
    kept = order[np.diff(periods, prepend=-1) > 0]
    return replace(recording, times=recording.times[kept], axes=recording.axes[kept], labels=recording.labels[kept])


def turned(recordings: Sequence[Recording], seed: int = 0) -> list[Recording]:
    """Return recordings as if each session's phone were worn turned, by a uniformly random rotation.

    Parameters
    ----------
    recordings : sequence of Recording
        The recordings.
    seed : int
        Seed of the rotations.
    """
    rotations = random_rotations(len(recordings), np.random.default_rng(seed))
    return [
        replace(recording, axes=rotate(recording.axes[None], rotations[place : place + 1])[0])
        for place, recording in enumerate(recordings)
    ]
