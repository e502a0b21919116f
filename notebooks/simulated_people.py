"""Recordings of simulated people for the notebooks, which therefore need nobody's data.

The simulation (`ingest.simulation`) was fitted to recordings of real people. Figures on its people show that everything
works, and say nothing about real ones.
"""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from har import hhar
from har.time_units import MICROSECONDS
from ingest.simulation.phone import SimulatedPhone

#: Where the notebooks write files. Git ignores it.
WORK = Path(__file__).resolve().parents[1] / ".har" / "notebooks"
#: Where real recordings may lie. The project has none.
SHARED_DATA = Path(os.environ.get("HAR_SHARED_DATA", WORK.parents[2] / "shared" / "data"))
PROVENANCE = [{"name": "Simulated people", "licence": "CC0-1.0", "source": "ingest.simulation of this project"}]
#: Event time of the first reading, µs since the epoch: 2026-03-02 08:00:00 UTC.
_START_US = 1_772_438_400 * MICROSECONDS
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
    rate_hz = (50.0, 100.0, 150.0, 200.0)[number % 4]
    phone = SimulatedPhone(
        _SEED,
        number,
        session_start_us=_START_US,
        placement="waist" if number // 4 % 2 == 0 else "pocket",
        sample_rate_hz=rate_hz,
        segment_seconds=segment_seconds,
    )
    readings = phone.readings_until(_START_US + int(minutes * 60 * MICROSECONDS))
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
