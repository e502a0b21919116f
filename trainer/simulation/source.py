"""Simulated background as a data set, and the command that writes it as a Parquet file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from har.recordings import RecordingError
from har.releases import TrainingData
from har.time_units import MICROSECONDS
from recording_files.checking import status_of
from recording_files.formats.parquet import write_parquet
from recording_files.known_data_sets import KNOWN_DATA_SETS, SIMULATED
from recording_files.source import Source
from recording_files.table import AnyColumn, Part, constant_texts, make_part, make_table
from trainer.data_settings import SimulateSettings
from trainer.simulation.background import KINDS, RATE_HZ, Kind


class SimulatedBackground(Source):
    """Simulated recordings of every kind in `trainer.simulation.background.KINDS`.

    Parameters
    ----------
    people : int
        Number of simulated people; each has a recording of every kind, drawn anew.
    seconds : int
        Length of each recording, s.
    seed : int
        Seed of all draws.
    """

    def __init__(self, people: int, seconds: int, seed: int) -> None:
        self.path = Path(SIMULATED)
        self.rate_hz = float(RATE_HZ)
        self._people = people
        self._seconds = seconds
        self._seed = seed

    def parts(self) -> Iterator[Part]:
        """Simulate one recording after the other."""
        for person in range(self._people):
            for number, kind in enumerate(KINDS):
                yield self._recording(person, kind, np.random.default_rng([self._seed, person, number]))

    def provenance(self) -> list[TrainingData]:
        """Return that the readings are simulated."""
        return [KNOWN_DATA_SETS[SIMULATED].data]

    def _recording(self, person: int, kind: Kind, rng: np.random.Generator) -> Part:
        count = self._seconds * RATE_HZ
        signal = kind.simulate(count, rng).astype(np.float32)
        texts = {"user": f"s{person:03d}", "device": SIMULATED, "model": SIMULATED, "session": kind.label}
        columns: dict[str, AnyColumn] = {name: constant_texts(text, count) for name, text in texts.items()}
        columns["t"] = pa.array(np.arange(count, dtype=np.int64) * (MICROSECONDS // RATE_HZ))
        columns |= {name: pa.array(np.ascontiguousarray(signal[:, place])) for place, name in enumerate("xyz")}
        columns["gt"] = constant_texts(kind.label, count)
        return make_part(make_table(columns), self.path)


def run(settings: SimulateSettings) -> int:
    """Write simulated background; return the exit status."""
    source = SimulatedBackground(settings.people, settings.seconds, settings.seed)
    try:
        settings.output.parent.mkdir(parents=True, exist_ok=True)
        rows = write_parquet(source, settings.output)
    except (RecordingError, OSError) as error:
        print(f"har data simulate: {error}", file=sys.stderr)
        return status_of(error)
    minutes = rows / RATE_HZ / 60
    names = ", ".join(kind.label for kind in KINDS)
    print(f"{settings.output}: {minutes:,.0f} simulated minutes of {settings.people} people: {names}")
    return 0
