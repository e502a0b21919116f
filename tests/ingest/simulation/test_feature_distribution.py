"""Compares simulated with real wearers by the distribution of simple features, without a classifier."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from ingest.simulation.parameter_loading import load_parameters
from ingest.simulation.parameters import ACTIVITIES, GAITS, PLACEMENTS, ParameterTable, Placement
from ingest.simulation.phone import SimulatedPhone
from tests.ingest.simulation.features import RATE_HZ, FloatArray, wearer_medians, windows_of
from trainer.splits import RESERVED_TEST_USERS

pd = pytest.importorskip("pandas")

pytestmark = pytest.mark.slow

FILES = {"waist": "hapt_24_users.parquet", "pocket": "pocket_6_users.parquet"}
VERTICAL = {"waist": "x", "pocket": "y"}
SIMULATED_WEARERS = 40
SEGMENT_SECONDS = 12.0
CYCLES = 2

# Tolerance of each feature, in its unit, added to the spread of the real wearers. Logarithms are decimal: 0.1 is 26%.
GAIT_FEATURES = {
    "energy": 0.05,
    "jerk": 0.08,
    "cadence": 0.08,
    "peak": 0.05,
    "spread_x": 0.05,
    "spread_y": 0.05,
    "spread_z": 0.05,
    "band_0.4": 0.1,
    "band_1.5": 0.1,
    "band_3": 0.1,
    "band_6": 0.1,
    "band_12": 0.15,
    "gravity_x": 0.3,
    "gravity_y": 0.3,
    "gravity_z": 0.3,
    "correlation_xy": 0.1,
    "correlation_xz": 0.1,
    "correlation_yz": 0.1,
}
POSTURE_FEATURES = {
    "energy": 0.15,
    "jerk": 0.15,
    "band_0.4": 0.3,
    "band_1.5": 0.3,
    "band_3": 0.3,
    "band_6": 0.3,
    "band_12": 0.3,
    "gravity_x": 0.3,
    "gravity_y": 0.3,
    "gravity_z": 0.3,
}
LARGEST_DIFFERENCE = 0.5
SPREAD_RATIO = (0.4, 2.5)

Wearers = dict[str, list[FloatArray]]
Medians = dict[str, dict[str, FloatArray]]


def real_wearers(folder: Path, placement: Placement) -> dict[str, Wearers]:
    """Return the windows of each user, by ``fitted`` or ``held out``, then by activity."""
    recording = pd.read_parquet(folder / FILES[placement])
    found: dict[str, Wearers] = {kind: {a: [] for a in ACTIVITIES} for kind in ("fitted", "held out")}
    recording["person"] = recording["device"].astype(str) + "/" + recording["user"].astype(str)
    for (person, activity), rows in recording.groupby(["person", "gt"]):
        if activity not in ACTIVITIES:
            continue
        breaks = ((rows["t"].diff() - 0.02).abs() > 0.001) | (rows["session"] != rows["session"].shift())
        windows = [
            windows_of(bout[["x", "y", "z"]].to_numpy(dtype=np.float64)) for _, bout in rows.groupby(breaks.cumsum())
        ]
        kind = "held out" if person in RESERVED_TEST_USERS else "fitted"
        found[kind][activity].append(np.concatenate(windows))
    return found


def like_the_recording_device(table: ParameterTable, placement: Placement) -> ParameterTable:
    """Give all simulated phones the noise of the recording device and no bias, as each recording has one device."""
    device = msgspec.structs.replace(
        table.device,
        scale_spread=0.0,
        bias_spread=0.0,
        log_noise_spread=0.0,
        log_noise_mean=float(np.log(table.placements[placement].recording_noise)),
    )
    return msgspec.structs.replace(table, device=device)


def simulated_wearers(table: ParameterTable, placement: Placement) -> Wearers:
    scale = table.placements[placement].recording_scale
    like = like_the_recording_device(table, placement)
    found: Wearers = {activity: [] for activity in ACTIVITIES}
    duration = SEGMENT_SECONDS * len(ACTIVITIES) * CYCLES
    times = np.arange(int(duration * RATE_HZ)) / RATE_HZ
    steps, edge = int(SEGMENT_SECONDS * RATE_HZ), int(0.5 * RATE_HZ)
    for index in range(SIMULATED_WEARERS):
        phone = SimulatedPhone(20, index, session_start_us=0, placement=placement, sample_rate_hz=200.0, table=like)
        readings = phone.readings_until(int((duration + 1) * 1e6))
        axes = [np.interp(times, readings.time_us / 1e6, readings.acceleration[:, axis]) for axis in range(3)]
        signal = scale * np.stack(axes, axis=1)
        windows: Wearers = {activity: [] for activity in ACTIVITIES}
        for segment in range(len(ACTIVITIES) * CYCLES):
            activity = phone.schedule.activity_of_segment(segment)
            windows[activity].append(windows_of(signal[segment * steps + edge : (segment + 1) * steps - edge]))
        for activity in ACTIVITIES:
            found[activity].append(np.concatenate(windows[activity]))
    return found


def medians_of(wearers: Wearers) -> Medians:
    return {activity: wearer_medians(windows) for activity, windows in wearers.items()}


def differences(real: Medians, simulated: Medians) -> list[str]:
    """Describe where the distribution of simulated wearers differs from that of real ones.

    The medians over wearers may differ by half a standard deviation between real wearers plus the feature's tolerance.
    The standard deviations, each with the tolerance added in quadrature, may differ by a factor of 2.5. (The pocket
    recordings have 5 wearers, so their spread is known only to within a factor of about 2.)
    """
    found = []
    for activity in ACTIVITIES:
        for name, tolerance in (GAIT_FEATURES if activity in GAITS else POSTURE_FEATURES).items():
            one, other = real[activity][name], simulated[activity][name]
            spread = float(one.std(ddof=1))
            difference = abs(float(np.median(other) - np.median(one)))
            ratio = np.hypot(_robust_spread(other), tolerance) / np.hypot(spread, tolerance)
            if difference > LARGEST_DIFFERENCE * spread + tolerance:
                found.append(
                    f"{activity} {name}: median {np.median(other):.3f}, real {np.median(one):.3f} ± {spread:.3f}"
                )
            if not SPREAD_RATIO[0] < ratio < SPREAD_RATIO[1]:
                found.append(f"{activity} {name}: spread {_robust_spread(other):.3f}, real {spread:.3f}")
    return found


def _robust_spread(values: FloatArray) -> float:
    low, high = np.quantile(values, [0.1, 0.9])
    return float(high - low) / 2.563


@pytest.fixture(scope="module", params=PLACEMENTS)
def placement(request: pytest.FixtureRequest) -> Placement:
    return request.param


@pytest.fixture(scope="module")
def real(shared_data: Path, placement: Placement) -> dict[str, Medians]:
    return {
        kind: medians_of({a: w for a, w in wearers.items() if w})
        for kind, wearers in real_wearers(shared_data, placement).items()
    }


@pytest.fixture(scope="module")
def simulated(placement: Placement) -> Medians:
    return medians_of(simulated_wearers(load_parameters(), placement))


def test_simulated_wearers_are_distributed_like_the_fitted_ones(real: dict[str, Medians], simulated: Medians) -> None:
    assert differences(real["fitted"], simulated) == []


def test_held_out_users_are_in_the_range_of_simulated_wearers(real: dict[str, Medians], simulated: Medians) -> None:
    """Most gait features of held-out users are in the range of simulated wearers, and more than in that of fitted ones.

    The one held-out user of the pocket recordings strides harder than all five fitted ones.
    """

    def share_within(wearers: Medians) -> float:
        return float(
            np.mean(
                [
                    wearers[activity][name].min() <= value <= wearers[activity][name].max()
                    for activity in GAITS
                    for name in GAIT_FEATURES
                    for value in real["held out"][activity][name]
                ]
            )
        )

    assert share_within(simulated) > 0.7
    assert share_within(simulated) > share_within(real["fitted"])


def test_sitting_and_standing_differ_as_much_as_in_reality(real: dict[str, Medians], simulated: Medians) -> None:
    def angles(medians: Medians) -> FloatArray:
        sit, stand = (
            np.stack([medians[activity][f"gravity_{axis}"] for axis in "xyz"], axis=1) for activity in ("sit", "stand")
        )
        cosine = (sit * stand).sum(axis=1) / np.sqrt((sit**2).sum(axis=1) * (stand**2).sum(axis=1))
        angle: FloatArray = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        return angle

    one, other = angles(real["fitted"]), angles(simulated)
    assert abs(np.median(one) - np.median(other)) < 0.5 * one.std(ddof=1) + 3
    assert 0.4 < np.hypot(other.std(ddof=1), 3) / np.hypot(one.std(ddof=1), 3) < 2.5


def _replaced(table: ParameterTable, placement: Placement, path: tuple[str, ...], factor: float) -> ParameterTable:
    document = msgspec.to_builtins(table)
    place = document["placements"][placement]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = (np.asarray(place[path[-1]]) * factor).tolist()
    return msgspec.convert(document, ParameterTable)


@pytest.mark.parametrize(
    ("path", "factor", "feature"),
    [
        (("gaits", "walk", "vertical", "mean"), 0.6, "walk"),
        (("gaits", "stairsdown", "log_stride_period", "mean"), -1.5, "stairsdown cadence"),
        (("gaits", "stairsup", "noise", "spread"), 4.0, "stairsup band_12"),
        (("postures", "stand", "gravity", "mean"), -1.0, "stand gravity"),
        (("postures", "sit", "tremor", "spread"), 6.0, "sit jerk"),
    ],
)
def test_the_comparison_detects_a_wrong_parameter(
    real: dict[str, Medians], placement: Placement, path: tuple[str, ...], factor: float, feature: str
) -> None:
    path = tuple(VERTICAL[placement] if key == "vertical" else key for key in path)
    broken = _replaced(load_parameters(), placement, path, factor)
    found = differences(real["fitted"], medians_of(simulated_wearers(broken, placement)))
    assert any(difference.startswith(feature) for difference in found)
