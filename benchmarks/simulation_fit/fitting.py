"""Fit the table of parameters from which simulated wearers are drawn.

This is a development tool that is run once on a machine with the recordings::

    python -m benchmarks.simulation_fit.fitting --waist hapt.parquet --pocket pocket.parquet --still still.csv \
        --timestamps accelerometer.csv --output ingest/simulation/parameters.json

It needs pandas, pyarrow and scipy, which the simulation does not need at run time. It is deterministic and uses only
signals and labels. No classifier is used, neither in the fit nor in the choice of the model.

The table contains no recorded sample and no data of a single wearer:

- Gait is stored as Fourier coefficients of the *mean over all wearers* of their mean stride at a common phase, and as
  principal axes of the differences, each computed over all wearers. The scores, which are the positions of single
  wearers along the axes, are not stored; simulated wearers get new, random scores.
- Variation between strides is stored as principal axes and spreads pooled over all wearers; noise as band powers.
- Orientation is stored as a mean, axes and a spread; fidgets as quantiles pooled over all wearers.
- No list is longer than one stride's coefficients.

The reserved test users are excluded from the fit (`trainer.splits.RESERVED_TEST_USERS`).
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from benchmarks.simulation_fit.gait_fitting import GaitFit, fit_gait
from benchmarks.simulation_fit.posture_fitting import PostureFit, fit_posture
from benchmarks.simulation_fit.statistics import FloatArray, joint_quantities
from ingest.simulation.parameter_loading import decode_parameters
from ingest.simulation.parameters import (
    ACTIVITIES,
    FORMAT,
    GAITS,
    POSTURES,
    DeviceParameters,
    ParameterTable,
    PlacementParameters,
)
from trainer.splits import RESERVED_TEST_USERS

RATE_HZ = 50.0
GRAVITY = 9.80665
TRIMMED_SECONDS = 1.0
SHORTEST_BOUT_SECONDS = 6.0
LONGEST_BOUT_SECONDS = 15.0
COMPONENTS = {"waist": 8, "pocket": 4}
HARMONICS = {"waist": 14, "pocket": 18}
VARIATIONS = {"waist": 6, "pocket": 14}
OCCASION_KEYS = {"waist": ["user", "session"], "pocket": ["user"]}
LOG_PERIOD_WEIGHT = 10.0
CENTIMETRES = 100.0
NOMINAL_RATES_HZ = (50.0, 100.0, 200.0)
LARGEST_RATE_DEVIATION = 0.05

Occasion = dict[str, list[FloatArray]]

DESCRIPTION = {
    "what": "statistics of phone accelerations over all fitted wearers; written by benchmarks.simulation_fit.fitting",
    "units": "m/s^2 with gravity, seconds, Hz; logarithms are natural",
    "quantity": "a wearer's value is mean + sum_k z_k loadings[k] + residual * e, with normal z (shared) and e (own)",
    "stride": "x, y, z of a gait: offset, cos 1, sin 1, cos 2, sin 2, ... of the stride frequency",
    "fields": "see ingest/simulation/parameters.py",
}


def read_occasions(path: Path, placement: str) -> list[Occasion]:
    """Read the occasions of wear, each with the uninterrupted bouts of every activity.

    At the waist, an occasion is one session of a user, as the phone was put on again for each. In the pocket, it is all
    sessions of a user, as each session has only some activities. Held-out users, all-zero rows (dropouts), bouts under
    6 s and occasions that lack an activity are excluded. One second is trimmed from both ends of a bout, where the
    ground truth is uncertain.

    Parameters
    ----------
    path
        Parquet with the columns ``user, session, t (s), x, y, z (m/s²), gt``, at 50 Hz.
    placement
        ``waist`` or ``pocket``.

    Returns
    -------
    list of dict
        For each occasion, the bouts by activity, m/s², float64 ``(n, 3)`` each.
    """
    recording = pd.read_parquet(path)
    people = recording["device"].astype(str) + "/" + recording["user"].astype(str)
    recording = recording[~people.isin(RESERVED_TEST_USERS)]
    recording = recording[(recording[["x", "y", "z"]] != 0).any(axis=1)]
    occasions: list[Occasion] = []
    for _, rows in recording.groupby(OCCASION_KEYS[placement], sort=True):
        occasion: Occasion = {activity: _bouts(rows[rows["gt"] == activity]) for activity in ACTIVITIES}
        if all(occasion.values()):
            occasions.append(occasion)
    return occasions


def _bouts(rows: pd.DataFrame) -> list[FloatArray]:
    breaks = ((rows["t"].diff() - 1 / RATE_HZ).abs() > 0.5 / RATE_HZ) | (rows["session"] != rows["session"].shift())
    trimmed = int(TRIMMED_SECONDS * RATE_HZ)
    bouts = []
    for _, bout in rows.groupby(breaks.cumsum()):
        signal = bout[["x", "y", "z"]].to_numpy(dtype=np.float64)[trimmed:-trimmed]
        pieces = max(1, round(len(signal) / (LONGEST_BOUT_SECONDS * RATE_HZ)))
        bouts += [piece for piece in np.array_split(signal, pieces) if len(piece) >= SHORTEST_BOUT_SECONDS * RATE_HZ]
    return bouts


def fit_placement(occasions: Sequence[Occasion], placement: str) -> PlacementParameters:
    """Fit the parameters of one placement."""
    still = [signal for occasion in occasions for posture in POSTURES for signal in occasion[posture]]
    scale = GRAVITY / float(np.median(np.concatenate([np.sqrt((s**2).sum(axis=1)) for s in still])))
    scaled = [
        {activity: [scale * signal for signal in signals] for activity, signals in occasion.items()}
        for occasion in occasions
    ]
    postures: dict[str, PostureFit] = {
        activity: fit_posture([occasion[activity] for occasion in scaled], RATE_HZ) for activity in POSTURES
    }
    gaits: dict[str, GaitFit] = {
        activity: fit_gait(
            [occasion[activity] for occasion in scaled], RATE_HZ, HARMONICS[placement], VARIATIONS[placement]
        )
        for activity in GAITS
    }
    values: dict[str, FloatArray] = {}
    for fits in (postures, gaits):
        for activity, fitted in fits.items():
            for name, rows in fitted.by_wearer.items():
                values[f"{activity}.{name}"] = rows
    weights = {name: _weight(name) for name in values}
    quantities = joint_quantities(values, weights, COMPONENTS[placement])

    def of(activity: str) -> dict[str, object]:
        prefix = f"{activity}."
        return {name.removeprefix(prefix): q for name, q in quantities.items() if name.startswith(prefix)}

    return PlacementParameters(
        fitted_wearers=len(occasions),
        recording_scale=round(1 / scale, 4),
        recording_noise=round(min(fitted.recording_noise for fitted in postures.values()) / scale, 4),
        postures={activity: fitted.parameters(of(activity)) for activity, fitted in postures.items()},
        gaits={activity: fitted.parameters(of(activity)) for activity, fitted in gaits.items()},
    )


def _weight(quantity: str) -> float:
    """Return the factor that makes differences of a quantity comparable with m/s²."""
    if quantity.endswith("log_stride_period"):
        return LOG_PERIOD_WEIGHT
    return 1 / CENTIMETRES if quantity[-2:] in {".x", ".y", ".z"} else 1.0


def fit_device(still: Path, timestamps: Path) -> DeviceParameters:
    """Fit the differences between devices, with robust spreads.

    Parameters
    ----------
    still
        CSV with one row per recording of a device at rest: ``model, device, orientation, mag`` (mean magnitude, m/s²),
        ``sd`` (standard deviation of the magnitude, m/s²), ``hz`` (true sample rate).
    timestamps
        CSV with ``Creation_Time`` (ns) of a device with constant sample rate.
    """
    rows = pd.read_csv(still).dropna(subset=["mag", "sd"])
    rows = rows[rows["sd"] > 0]
    devices = rows.groupby(["model", "device"])
    within = rows["mag"] - devices["mag"].transform("median")
    noise = np.log(devices["sd"].median().to_numpy())
    rates = devices["hz"].median().to_numpy()
    relative = (rates[:, None] / np.array(NOMINAL_RATES_HZ)).ravel()
    relative = relative[np.abs(relative - 1) < LARGEST_RATE_DEVIATION]
    seconds = np.sort(pd.read_csv(timestamps, usecols=["Creation_Time"])["Creation_Time"].to_numpy()) / 1e9
    intervals = np.diff(seconds)
    intervals = intervals[(intervals > 0) & (intervals < 10 * np.median(intervals))]
    return DeviceParameters(
        scale_spread=round(_robust_spread(devices["mag"].median().to_numpy()) / GRAVITY, 4),
        bias_spread=round(_robust_spread(within[devices["mag"].transform("size") > 2].to_numpy()), 4),
        log_noise_mean=round(float(np.median(noise)), 3),
        log_noise_spread=round(_robust_spread(noise), 3),
        rate_spread=round(float(np.sqrt(((relative - 1) ** 2).mean())), 4),
        jitter_spread=round(float(intervals.std() / np.median(intervals) / np.sqrt(2)), 4),
    )


def _robust_spread(values: FloatArray) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def format_table(table: ParameterTable) -> str:
    """Return the table as JSON with one list of numbers per line."""
    return _lines(msgspec.to_builtins(table), 0) + "\n"


def _lines(value: object, depth: int) -> str:
    indent, outdent = " " * (depth + 1), " " * depth
    if isinstance(value, dict):
        items = [f"{indent}{json.dumps(key)}: {_lines(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{outdent}}}"
    if isinstance(value, list) and any(isinstance(item, list | dict) for item in value):
        return "[\n" + ",\n".join(indent + _lines(item, depth + 1) for item in value) + f"\n{outdent}]"
    if isinstance(value, list):
        value = [int(item) if float(item).is_integer() else item for item in value]
    return json.dumps(value, separators=(",", ":"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit the table and write it to a file."""
    parser = argparse.ArgumentParser(description="Fit the parameters of simulated wearers to recordings.")
    parser.add_argument("--waist", type=Path, required=True, help="recording at the waist (Parquet)")
    parser.add_argument("--pocket", type=Path, required=True, help="recording in the pocket (Parquet)")
    parser.add_argument("--still", type=Path, required=True, help="summary of devices at rest (CSV)")
    parser.add_argument("--timestamps", type=Path, required=True, help="recording with creation times (CSV)")
    parser.add_argument("--output", type=Path, required=True, help="where to write the table (JSON)")
    options = parser.parse_args(arguments)
    table = ParameterTable(
        format=FORMAT,
        description=DESCRIPTION,
        placements={
            placement: fit_placement(read_occasions(path, placement), placement)
            for placement, path in (("waist", options.waist), ("pocket", options.pocket))
        },
        device=fit_device(options.still, options.timestamps),
    )
    document = format_table(table)
    decode_parameters(document.encode())
    options.output.write_text(document, encoding="utf-8")
    print(f"{options.output}: {len(document):,} bytes")


if __name__ == "__main__":
    main()
