"""Recordings of simulated people for the notebooks, which therefore need nobody's data.

The simulation (`ingest.simulation`) was fitted to recordings of real people. Figures on its people show that everything
works, and say nothing about real ones.
"""

import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from har import hhar
from har.time_units import MICROSECONDS
from ingest.simulation.phone import SimulatedPhone
from recording_files.layout import STANDARD_GRAVITY

_ROOT = Path(__file__).resolve().parents[1]
#: Where the notebooks write files. Git ignores it.
WORK = Path(os.environ.get("HAR_NOTEBOOKS", _ROOT / ".har" / "notebooks"))
WORK.mkdir(parents=True, exist_ok=True)
#: Where real recordings may lie. The project has none.
SHARED_DATA = Path(os.environ.get("HAR_SHARED_DATA", _ROOT.parent / "shared" / "data"))
PROVENANCE = [{"name": "Simulated people", "licence": "CC0-1.0", "source": "ingest.simulation of this project"}]
#: Event time of the first person's first reading, µs since the epoch: 2026-03-02 08:00:00 UTC. Others follow by hours.
_START_US = 1_772_438_400 * MICROSECONDS
_HOUR_US = 3_600 * MICROSECONDS
_SEED = 21


def simulated_people(people: int, minutes: float, *, first: int = 0, segment_seconds: float = 20.0) -> pa.Table:
    """Simulate people who sit, stand, walk and climb stairs, with the phone at the waist or in a pocket.

    Parameters
    ----------
    people : int
        Number of people. Each has one phone of 50, 100, 150 or 200 readings per second, in turn.
    minutes : float
        Length of each recording.
    first : int
        Number of the first person. The same number is always the same person.
    segment_seconds : float
        Length of each activity, s.

    Returns
    -------
    pyarrow.Table
        The project's columns: `user, device, model, session, t` (µs), `x, y, z` (m/s²), `gt`.
    """
    return pa.concat_tables(_person(number, minutes, segment_seconds) for number in range(first, first + people))


def _person(number: int, minutes: float, segment_seconds: float) -> pa.Table:
    start_us = _START_US + number * _HOUR_US
    rate_hz = (50.0, 100.0, 150.0, 200.0)[number % 4]
    phone = SimulatedPhone(
        _SEED,
        number,
        session_start_us=start_us,
        placement="waist" if number // 4 % 2 == 0 else "pocket",
        sample_rate_hz=rate_hz,
        segment_seconds=segment_seconds,
    )
    readings = phone.readings_until(start_us + int(minutes * 60 * MICROSECONDS))
    texts = {
        "user": f"person {number + 1}",
        "device": f"simulated {phone.placement}",
        "model": f"{rate_hz:g} Hz",
        "session": "1",
    }
    columns = {name: pa.array([text] * len(readings.time_us)) for name, text in texts.items()}
    columns["t"] = pa.array(readings.time_us)
    columns |= {name: pa.array(readings.acceleration[:, place]) for place, name in enumerate("xyz")}
    columns["gt"] = pa.array(phone.activity_at(readings.time_us))
    return pa.table(columns)


def write_recordings(table: pa.Table, path: Path) -> Path:
    """Write recordings as Parquet for training, with a note that they are simulated."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"har.provenance": json.dumps(PROVENANCE)}), path)
    return path


def write_like_app(table: pa.Table, path: Path) -> Path:
    """Write the readings of one person as an app's CSV: `timestamp` in ms, `ax`, `ay`, `az` in g, nothing else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {"timestamp": table["t"].to_numpy() // 1_000}
    columns |= {f"a{name}": (table[name].to_numpy() / STANDARD_GRAVITY).round(4) for name in "xyz"}
    pyarrow.csv.write_csv(pa.table(columns), path)
    return path


def write_like_hhar(table: pa.Table, path: Path) -> Path:
    """Write recordings as a CSV with HHAR's ten columns and its two clocks, in ns and in ms."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times = table["t"].to_numpy()
    columns = {
        "Index": np.arange(len(times)),
        "Arrival_Time": times // 1_000 + 40,
        "Creation_Time": times * 1_000,
        **{name: table[name] for name in "xyz"},
        **{name: table[name.lower()] for name in ("User", "Model", "Device")},
        "gt": table["gt"],
    }
    pyarrow.csv.write_csv(pa.table({name: columns[name] for name in hhar.CSV_COLUMNS}), path)
    return path


def write_archive(folder: Path, *, first: int, last: int, device: str = "my-phone") -> Path:
    """Write what `har archive run` would keep of a wearer who labels some minutes on the phone page.

    Of each five minutes, the wearer labels one of sitting, one of walking, and one of brushing teeth, a word of the
    wearer's own. The other two have no label.

    Parameters
    ----------
    folder : Path
        Folder for ``samples/`` and ``labels/``; see docs/data.md.
    first, last : int
        First and last minute of the wearer's day.
    device : str
        Name of the phone.
    """
    table = simulated_people(1, last, first=44, segment_seconds=60)
    table = table.filter(pc.greater_equal(table["t"], table["t"][0].as_py() + first * 60 * MICROSECONDS))
    t, activity = table["t"].to_numpy(), table["gt"].to_numpy(zero_copy_only=False)
    axes = np.stack([table[name].to_numpy() for name in "xyz"], axis=1)
    axes += np.where(activity == "stand", 1, 0)[:, None] * _brushing(t - t[0])
    samples = {"device": [device] * len(t), "session": [f"minute {first}"] * len(t), "t": t}
    samples |= {name: axes[:, place] for place, name in enumerate("xyz")}
    said = {"sit": "sit", "walk": "walk", "stand": "Brushing teeth"}
    begins = [0, *(np.flatnonzero(activity[1:] != activity[:-1]) + 1), len(t) - 1]
    labels = [
        {
            "device": device,
            "session": f"minute {first}",
            "start": int(t[begin]),
            "end": int(t[end]),
            "said_at": int(t[begin]),
        }
        | {"activity": said[activity[begin]], "user": "me"}
        for begin, end in pairwise(begins)
        if activity[begin] in said
    ]
    for name, rows in (("samples", pa.table(samples)), ("labels", pa.Table.from_pylist(labels))):
        (folder / name).mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, folder / name / "part-0.parquet")
    return folder


def _brushing(elapsed_us: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the movement of a hand that brushes teeth, m/s²: about four strokes per second, of changing strength."""
    seconds = elapsed_us / MICROSECONDS
    phase = 2 * np.pi * (4 * seconds + 0.3 * np.sin(seconds))
    strength = 3 + np.sin(0.7 * seconds)
    strokes = [strength * np.sin(phase), 0.6 * strength * np.sin(phase + 1), 0.3 * np.cos(2 * phase)]
    return np.stack(strokes, axis=1).astype(np.float32)
