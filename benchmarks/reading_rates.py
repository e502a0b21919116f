"""Print how the shipped release answers when readings are too few, or the clock is too coarse.

    python -m benchmarks.reading_rates --data hapt.parquet --person galaxy_s2/u21 [--activities walk,sit]

The recordings of one person, or of everybody in the data set, are thinned, evenly and with jitter, to 2 to 200 readings
per second as far as they have that many, and their clock is rounded to 1 to 100 ms. For each the table shows the share
of windows that are right, unknown, and wrong: of the whole system, and what the network alone would say about the same
windows.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from har.decisions import decide_all
from har.recordings import Recording
from har.resampling import Times
from har.time_units import MICROSECONDS
from har.windowing import recording_windows
from model_store.onnx_classifier import OnnxClassifier
from recording_files.loading import load_recordings

RATES = (2, 3, 5, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200)
TICKS_MS = (1, 10, 20, 50, 100)
#: A stretch of one activity that is shorter has no window.
SHORTEST_US = 6 * MICROSECONDS

Change = Callable[[Times], tuple[Times, NDArray[np.intp]]]


class Answers(NamedTuple):
    """Shares of the windows of one activity, and their number."""

    windows: int
    right: float
    unknown: float
    wrong: float
    wrong_alone: float


def thinned(times: Times, rate_hz: float, jitter: float) -> tuple[Times, NDArray[np.intp]]:
    """Keep the readings nearest to even times, each moved at random by up to half the period times `jitter`."""
    period = MICROSECONDS / rate_hz
    wanted = times[0] + np.arange(0, times[-1] - times[0], period)
    wanted += np.random.default_rng(0).uniform(-0.5, 0.5, len(wanted)) * jitter * period
    after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    nearer_before = wanted - times[after - 1] < times[after] - wanted
    rows = np.unique(after - nearer_before)
    return times[rows], rows


def rounded(times: Times, tick_ms: int) -> tuple[Times, NDArray[np.intp]]:
    """Round the clock down to whole ticks."""
    tick = tick_ms * 1_000
    return times // tick * tick, np.arange(len(times))


def changes(rate_hz: float) -> Iterator[tuple[str, Change]]:
    """Yield the name of each change of a recording with this sample rate, and the change."""
    yield "as recorded", lambda times: (times, np.arange(len(times)))
    for rate in RATES:
        if rate < rate_hz * 0.98:
            yield f"{rate} per second", lambda times, rate=rate: thinned(times, rate, 0.0)  # type: ignore[misc]
            yield f"{rate} with jitter", lambda times, rate=rate: thinned(times, rate, 1.0)  # type: ignore[misc]
    for tick in TICKS_MS:
        yield f"clock of {tick} ms", lambda times, tick=tick: rounded(times, tick)  # type: ignore[misc]


def stretches(recordings: list[Recording], activity: str) -> Iterator[tuple[Times, NDArray[np.float32]]]:
    """Yield the readings of each uninterrupted stretch of an activity."""
    for recording in recordings:
        order = np.argsort(recording.times, kind="stable")
        times, axes, shown = recording.times[order], recording.axes[order], recording.labels[order] == activity
        cuts = np.flatnonzero((np.diff(times) > MICROSECONDS) | (shown[1:] != shown[:-1])) + 1
        for rows in np.split(np.arange(len(times)), cuts):
            if shown[rows[0]] and times[rows[-1]] - times[rows[0]] >= SHORTEST_US:
                yield times[rows], axes[rows]


def answers(
    network: OnnxClassifier, parts: list[tuple[Times, NDArray[np.float32]]], activity: str, change: Change
) -> Answers | None:
    """Classify all windows of the changed readings; None if there is none."""
    right = unknown = wrong = wrong_alone = 0
    manifest = network.manifest
    for times, axes in parts:
        changed, rows = change(times)
        windows = recording_windows(changed, axes[rows], manifest.window_spec)
        if not len(windows.starts):
            continue
        names = np.array([*manifest.classes, "unknown"])
        alone = names[decide_all(network.probabilities(windows.values), manifest.thresholds, len(manifest.classes))]
        readable = np.array([reason is None for reason in windows.reasons(manifest.signal_bounds)])
        answered = np.where(readable, alone, "unknown")
        right += int((answered == activity).sum())
        unknown += int((answered == "unknown").sum())
        wrong += int(((answered != activity) & (answered != "unknown")).sum())
        wrong_alone += int(((alone != activity) & (alone != "unknown")).sum())
    total = right + unknown + wrong
    return Answers(total, right / total, unknown / total, wrong / total, wrong_alone / total) if total else None


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a data set, as of har evaluate")
    parser.add_argument("--person", help="device/user; by default everybody")
    parser.add_argument("--activities", default="walk,sit", help="separated by commas")
    return parser


def main() -> None:
    """Print the table."""
    parser = argument_parser()
    given = parser.parse_args()
    network = OnnxClassifier.open("baseline")
    recordings = load_recordings([given.data])
    if given.person is not None:
        recordings = [recording for recording in recordings if recording.person == given.person]
    if not recordings:
        parser.error(f"{given.data} has no person {given.person}")
    people = {recording.person for recording in recordings}
    met = len(people & {*network.manifest.training_users})
    print(f"{network.manifest.release}, {len(people)} of {given.data.name}; it was trained on {met} of them")
    print("| readings | activity | windows | right | unknown | wrong | wrong by the network alone |")
    print("|---|---|---|---|---|---|---|")
    for activity in given.activities.split(","):
        parts = list(stretches(recordings, activity))
        if not parts:
            parser.error(f"nobody has a stretch of {activity}")
        rate_hz = MICROSECONDS / float(np.median(np.concatenate([np.diff(times) for times, _ in parts])))
        for name, change in changes(rate_hz):
            found = answers(network, parts, activity, change)
            if found is not None:
                shares = " | ".join(f"{share:.0%}" for share in found[1:])
                print(f"| {name} | {activity} | {found.windows} | {shares} |")


if __name__ == "__main__":
    main()
