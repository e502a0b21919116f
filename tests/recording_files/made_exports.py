"""Exports of phone apps and data sets, written from the public descriptions of their formats."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 100
COUNT = 400
G = 9.80665
#: 2026-05-01 12:00:00 UTC, s since the epoch.
BEGIN_S = 1_777_636_800


def readings() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times, s from 0, and readings, m/s², of a phone that is carried upright and moves a little."""
    seconds = np.arange(COUNT) / RATE_HZ
    axes = np.random.default_rng(0).normal([0.1, 9.8, 0.3], 0.5, (COUNT, 3)).round(4)
    return seconds, axes


def table(header: str, row: Callable[[int, float, NDArray[np.float64]], str], end: str = "\n") -> str:
    """Return a text table with a row for each reading."""
    seconds, axes = readings()
    rows = [row(number, float(t), values) for number, (t, values) in enumerate(zip(seconds, axes, strict=True))]
    return end.join([*([header] if header else []), *rows]) + end


def phyphox() -> str:
    names = ["Time (s)", *(f"Acceleration {axis} (m/s^2)" for axis in "xyz"), "Absolute acceleration (m/s^2)"]
    header = ",".join(f'"{name}"' for name in names)
    return table(header, lambda _, t, a: f"{t:.9E},{a[0]:.9E},{a[1]:.9E},{a[2]:.9E},9.8E0")


def phyphox_with_decimal_commas() -> str:
    return phyphox().replace(",", ";").replace(".", ",").replace("\n", "\r\n")


def phyphox_without_gravity() -> str:
    return phyphox().replace("Acceleration ", "Linear Acceleration ")


def andro_sensor() -> str:
    header = (
        ";".join(f"ACCELEROMETER {axis} (m/s²)" for axis in "XYZ") + ";Time since start in ms ;YYYY-MO-DD HH-MI-SS_SSS"
    )
    return table(header, lambda _, t, a: f"{a[0]};{a[1]};{a[2]};{round(t * 1000)};2026-05-01 12:00:00:000")


def sensor_log() -> str:
    header = "loggingTime(txt),accelerometerTimestamp_sinceReboot(s)," + ",".join(
        f"accelerometerAcceleration{axis}(G)" for axis in "XYZ"
    )
    return table(
        header, lambda _, t, a: f"2026-05-01 14:00:00.000 +0200,{5000 + t:.6f}," + ",".join(f"{-v / G:.9f}" for v in a)
    )


def physics_toolbox() -> str:
    return table("time,gFx,gFy,gFz,TgF", lambda _, t, a: f"{t}," + ",".join(f"{v / G:.9f}" for v in a) + ",1.0")


def core_motion() -> str:
    """Apple's columns, without times, as in MotionSense: gravity points along -y, the rest is the wearer's movement."""
    names = [f"gravity.{axis}" for axis in "xyz"] + [f"userAcceleration.{axis}" for axis in "xyz"]

    def row(number: int, _: float, a: NDArray[np.float64]) -> str:
        user = -a / G - np.array([0, -1, 0])
        return f"{number},0,-1,0," + ",".join(f"{value:.9f}" for value in user)

    return table("," + ",".join(names), row)


def wisdm() -> str:
    return table("", lambda _, t, a: f"33,Walking,{49_105_962_326_000 + round(t * 1e9)},{a[0]},{a[1]},{a[2]};")


def wisdm_51() -> str:
    return table("", lambda _, t, a: f"1600,D,{252_207_666_810_782 + round(t * 1e9)},{a[0]},{a[1]},{a[2]};")


def hhar(*, has_header: bool = True) -> str:
    header = "Index,Arrival_Time,Creation_Time,x,y,z,User,Model,Device,gt" if has_header else ""
    return table(
        header,
        lambda n, t, a: (
            f"{n},{BEGIN_S * 1000 + round(t * 1000)},{BEGIN_S * 10**9 + round(t * 1e9)},"
            f"{a[0]},{a[1]},{a[2]},a,gear,gear_1,walk"
        ),
    )


def hhar_without_header() -> str:
    return hhar(has_header=False)


def own_columns() -> str:
    header = "user,device,model,session,t,x,y,z,gt"
    return table(header, lambda _, t, a: f"u1,p1,m,s1,{BEGIN_S + t:.3f},{a[0]},{a[1]},{a[2]},walk")


def usual_names_in_ms() -> str:
    header = "timestamp\tacc_x\tacc_y\tacc_z\tActivity\tsubject"
    return table(header, lambda _, t, a: f"{BEGIN_S * 1000 + round(t * 1000)}\t{a[0]}\t{a[1]}\t{a[2]}\twalking\tAnna")


def usual_names_in_g() -> str:
    return table("time,ax,ay,az", lambda _, t, a: f"{BEGIN_S + t:.3f}," + ",".join(f"{v / G:.9f}" for v in a))


def dates() -> str:
    return table("datetime;x;y;z", lambda _, t, a: f"2026-05-01T12:00:{t:09.6f}Z;{a[0]};{a[1]};{a[2]}", "\r\n")


def sensor_logger_table(values: NDArray[np.float64]) -> str:
    seconds, _ = readings()
    rows = [
        f"{BEGIN_S * 10**9 + round(float(t) * 1e9)},{t:.6f},{v[2]},{v[1]},{v[0]}"
        for t, v in zip(seconds, values, strict=True)
    ]
    return "\n".join(["time,seconds_elapsed,z,y,x", *rows]) + "\n"


def sensor_logger_metadata(platform: str, *, is_standardised: bool = False) -> str:
    return (
        "version,device name,recording epoch time,platform,device id,standardisation\n"
        f"3,Åsas telefon,{BEGIN_S * 1000},{platform},abc-1,{str(is_standardised).lower()}\n"
    )


#: Text of each format, its file name and encoding, the expected format, and the expected time of the first reading, µs.
EXPORTS: dict[str, tuple[Callable[[], str], str, str, int]] = {
    "phyphox": (phyphox, "utf-8", "phyphox", 0),
    "phyphox, decimal commas": (phyphox_with_decimal_commas, "utf-8", "phyphox", 0),
    "AndroSensor": (andro_sensor, "cp1252", "AndroSensor", 0),
    "SensorLog": (sensor_log, "utf-8", "SensorLog", 5_000_000_000),
    "Physics Toolbox": (physics_toolbox, "utf-8", "Physics Toolbox", 0),
    "MotionSense": (core_motion, "utf-8", "MotionSense", 0),
    "WISDM": (wisdm, "utf-8", "WISDM", 49_105_962_326),
    "WISDM-51": (wisdm_51, "utf-8", "WISDM-51", 252_207_666_810),
    "HHAR": (hhar, "utf-8-sig", "HHAR", BEGIN_S * 1_000_000),
    "HHAR without header": (hhar_without_header, "utf-8", "HHAR", BEGIN_S * 1_000_000),
    "own columns": (own_columns, "utf-8", "this project's columns", BEGIN_S * 1_000_000),
    "usual names, ms": (usual_names_in_ms, "utf-16", "usual column names", BEGIN_S * 1_000_000),
    "usual names, g": (usual_names_in_g, "utf-8", "usual column names", BEGIN_S * 1_000_000),
    "dates": (dates, "utf-8", "usual column names", BEGIN_S * 1_000_000),
}


def write_export(folder: Path, name: str, file: str = "export.csv") -> Path:
    """Write an export of a format, with a file name that says nothing."""
    text, encoding, _, _ = EXPORTS[name]
    path = folder / file
    path.write_bytes(text().encode(encoding))
    return path
