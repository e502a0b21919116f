"""Write a table with the format and size of HHAR, recorded by simulated phones."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from har.hhar import CSV_COLUMNS
from ingest.simulation.phone import SimulatedPhone

USERS = "abcdefghi"
#: The phones of HHAR and their approximate sample rates, Hz.
PHONES = {
    "nexus4_1": 200.0,
    "nexus4_2": 200.0,
    "s3_1": 150.0,
    "s3_2": 150.0,
    "s3mini_1": 100.0,
    "s3mini_2": 100.0,
    "samsungold_1": 50.0,
    "samsungold_2": 50.0,
}
#: Readings per thousand that arrive before their predecessor, as in the first rows of the real table.
SWAPPED = 29
START_US = 1_424_696_631_000_000


def write_table(file: Path, rows: int) -> None:
    """Write the table: nine users, each with all eight phones."""
    rows_each = -(-rows // (len(USERS) * len(PHONES)))
    schema = _table(0, 0, "a", "nexus4_1", 2).schema
    options = pyarrow.csv.WriteOptions(quoting_style="none")
    with pyarrow.csv.CSVWriter(file, schema, write_options=options) as writer:
        for number, (user, phone) in enumerate(_users_and_phones()):
            writer.write_table(_table(number, number * rows_each, user, phone, rows_each))


def _users_and_phones() -> Iterator[tuple[str, str]]:
    for user in USERS:
        for phone in PHONES:
            yield user, phone


def _table(number: int, first_row: int, user: str, phone: str, rows: int) -> pa.Table:
    rate = PHONES[phone]
    simulated = SimulatedPhone(11, number, session_start_us=START_US, sample_rate_hz=rate, segment_seconds=60.0)
    readings = simulated.readings_until(START_US + int((rows / rate + 5) * 1.05e6))
    times, axes = readings.time_us[:rows], readings.acceleration[:rows]
    order = _disorder(len(times), np.random.default_rng(number))
    columns = {
        "Index": np.arange(first_row, first_row + len(times)),
        "Arrival_Time": times[order] // 1000 + 40,
        "Creation_Time": times[order] * 1000,
        **{name: axes[order, place] for place, name in enumerate("xyz")},
        "User": np.full(len(times), user),
        "Model": np.full(len(times), phone.rpartition("_")[0]),
        "Device": np.full(len(times), phone),
        "gt": simulated.activity_at(times[order]),
    }
    return pa.table({name: pa.array(columns[name]) for name in CSV_COLUMNS})


def _disorder(rows: int, rng: np.random.Generator) -> np.ndarray:
    order = np.arange(rows)
    swapped = np.flatnonzero(rng.uniform(size=rows // 2) < SWAPPED / 500) * 2
    order[swapped], order[swapped + 1] = order[swapped + 1].copy(), order[swapped].copy()
    return order
