"""Small synthetic data sets in the formats of the published ones."""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HHAR_HEADER = "Index,Arrival_Time,Creation_Time,x,y,z,User,Model,Device,gt"
HHAR_FILE = "Phones_accelerometer.csv"
HHAR_DEVICES = [f"{model}_{number}" for model in ("nexus4", "s3", "s3mini", "samsungold") for number in (1, 2)]


def hhar_lines(
    user: str = "a",
    device: str = "nexus4_1",
    rate_hz: float = 200,
    labels: Sequence[str] = ("stand", "walk", "null"),
    rows: int = 900,
) -> list[str]:
    """Return rows of a phone's table, with its labels in turn, for equal times."""
    step_ns = int(1e9 / rate_hz)
    return [
        f"{row},{1424696633908 + row * step_ns // 1_000_000},{1424696631913248572 + row * step_ns},"
        f"{np.sin(row / 20):.6f},0.5,9.{row % 10},{user},{device.partition('_')[0]},{device},"
        f"{labels[row * len(labels) // rows]}"
        for row in range(rows)
    ]  # fmt: skip


def hhar_text(lines: Iterable[str]) -> str:
    """Return the content of the table's file."""
    return "\n".join([HHAR_HEADER, *lines, ""])


def whole_hhar() -> str:
    """Return a short table with all users and phones of HHAR."""
    lines = [line for user in "abcdefghi" for device in HHAR_DEVICES for line in hhar_lines(user, device, rows=30)]
    return hhar_text(lines)


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """Return a zip archive with files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def hhar_archive(table: str) -> bytes:
    """Return HHAR's archive as published: nested archives, and the experiment with phones at rest."""
    still = hhar_text(hhar_lines("z", "unused_1"))
    return zipped(
        {
            "Still exp.zip": zipped({f"Still exp/{HHAR_FILE}": still}),
            "Activity recognition exp.zip": zipped(
                {
                    f"Activity recognition exp/{HHAR_FILE}": table,
                    f"__MACOSX/Activity recognition exp/{HHAR_FILE}": "no table",
                    "Activity recognition exp/Phones_gyroscope.csv": "no table",
                }
            ),
        }
    )


def hapt_files(
    experiments: Iterable[tuple[int, int]] = ((1, 1), (2, 1), (3, 2)), readings: int = 400
) -> dict[str, str]:
    """Return HAPT's `RawData`, with walking in the second quarter of each experiment and lying in the last."""
    files = {}
    labels = []
    for experiment, user in experiments:
        rows = (f"{np.sin(row / 5) / 10:.6f} 0.1 {1 + experiment / 100}" for row in range(readings))
        files[f"RawData/acc_exp{experiment:02}_user{user:02}.txt"] = "\n".join([*rows, ""])
        labels.append(f"{experiment} {user} 1 {readings // 4 + 1} {readings // 2}")
        labels.append(f"{experiment} {user} 11 {readings * 3 // 4 + 1} {readings}")
    return {**files, "RawData/labels.txt": "\n".join([*labels, ""])}


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder; return the folder."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def recording_columns(
    user: str = "u01",
    *,
    device: str = "phone_1",
    model: str = "Phone",
    session: str = "s1",
    rate_hz: float = 50.0,
    labels: Sequence[str] = ("sit", "walk"),
    seconds: float = 60.0,
) -> dict[str, list[object]]:
    """Return the project's columns of one session, with its labels in turn, for equal times."""
    count = int(seconds * rate_hz)
    sway = np.sin(np.arange(count) / rate_hz * 12)
    return {
        **{name: [text] * count for name, text in
           (("user", user), ("device", device), ("model", model), ("session", session))},
        "t": (np.arange(count) / rate_hz).tolist(),
        "x": sway.tolist(),
        "y": (0.3 + sway / 20).tolist(),
        "z": (9.8 - sway / 30).tolist(),
        "gt": [labels[row * len(labels) // count] for row in range(count)],
    }  # fmt: skip


def write_table(path: Path, *sessions: Mapping[str, Sequence[object]]) -> Path:
    """Write sessions to one Parquet file; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.concat_tables(pa.table(dict(columns)) for columns in sessions), path)
    return path
