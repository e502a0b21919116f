"""Small labelled recordings of generated people, whose activities a network learns in seconds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from har.recordings import Recording

LABELS = ("sit", "walk")


def made_recording(
    user: str = "u01",
    *,
    device: str = "made",
    session: str = "s1",
    seconds: float = 60.0,
    rate_hz: float = 50.0,
    labels: tuple[str, ...] = LABELS,
    seed: int = 0,
) -> Recording:
    """One session with equally long runs of each label; walking sways, all others hardly."""
    rng = np.random.default_rng([seed, *user.encode()])
    count = int(seconds * rate_hz)
    t = np.arange(count) / rate_hz
    shown = np.array(labels)[np.minimum((t / seconds * len(labels)).astype(int), len(labels) - 1)]
    sway = np.where(shown == "walk", 3.0, 0.05)[:, None]
    gravity = np.array([9.8, 0.5, 0.5]) + rng.normal(size=3) * 0.2
    axes = gravity + sway * np.sin(2 * np.pi * 1.8 * t[:, None] + np.array([0.0, 1.0, 2.0]))
    axes += rng.normal(size=axes.shape) * 0.05
    return Recording(
        user=user,
        device=device,
        model=f"{device}-model",
        session=session,
        times=(t * 1e6).round().astype(np.int64),
        axes=axes.astype(np.float32),
        labels=shown.astype(np.str_),
    )


def write_recordings(path: Path, recordings: Sequence[Recording]) -> Path:
    """Write recordings as a Parquet table such as `har train` reads."""
    tables = [
        pa.table(
            {
                **{
                    name: [getattr(recording, name)] * len(recording.times)
                    for name in ("user", "device", "model", "session")
                },
                "t": recording.times / 1e6,
                **{name: recording.axes[:, number] for number, name in enumerate("xyz")},
                "gt": recording.labels.tolist(),
            }
        )
        for recording in recordings
    ]
    pq.write_table(pa.concat_tables(tables), path)
    return path
