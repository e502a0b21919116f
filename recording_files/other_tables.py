"""Tables and files that hold no readings of an accelerometer, and what they are, so that a message can say so."""

import re
from collections.abc import Sequence

_CONVERT = "convert it to CSV, for example with actipy, and pass that"
#: What a file is by the bytes that it begins with, and what to do.
_KINDS = (
    (b"PK\x03\x04", "a document in a zip archive, such as an Excel workbook: save its sheet as CSV and pass that"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook: save its sheet as CSV and pass that"),
    (b"SQLite format 3", "an SQLite database: export the table of readings as CSV and pass that"),
    (b"\x89HDF", "an HDF5 file (.h5, .mat): write its table as CSV or Parquet and pass that"),
    (b"MATLAB 5", "a MATLAB file: write its table as CSV and pass that"),
    (b"\x93NUMPY", "a NumPy array: write it as CSV or Parquet with named columns, or pass it to har.load(…).predict"),
    (b"\x80\x04\x95", "a pickle, which is not read, as it could run any code: write it as Parquet and pass that"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it and pass the folder"),
    (b"Rar!", "a RAR archive: unpack it and pass the folder"),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard: unpack it (`zstd -d`) and pass the file"),
    (b"MD\xfc\x03", f"a recording of an Axivity device (.cwa): {_CONVERT}"),
    (b"Device Identity", f"a recording of a GENEActiv device (.bin): {_CONVERT}"),
)
_TAR_MARK = slice(257, 262)
_SENSORS = {
    "a gyroscope": r".*(gyro|rotation ?rate|angular).*|.*\brad/s\b.*",
    "a magnetometer": r".*(magn(et|_)|µT|\buT\b).*",
    "a location sensor": r"latitude.*|longitude.*",
    "a barometer": r".*pressure.*",
}
#: Headers of phyphox's tables about the phone and the experiment, which stand beside its readings.
_PHYPHOX = ({"property", "value"}, {"event", "experiment time", "system time"})


def kind_of_file(head: bytes) -> str | None:
    """Return what a file is that is no table, with a remedy; None if its first bytes do not tell.

    Examples
    --------
    >>> kind_of_file(b"%PDF-1.7"), kind_of_file(b"t,x,y,z")
    ('a PDF document', None)
    """
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return "JSON, only read as an export of Sensor Logger: pass each such file by itself, or write CSV or Parquet"
    if head[_TAR_MARK] == b"ustar":
        return "a tar archive: unpack it and pass the folder"
    return next((kind for mark, kind in _KINDS if head.startswith(mark)), None)


def other_sensor(columns: Sequence[str]) -> str | None:
    """Return what a table is that has no columns of an accelerometer; None if its columns do not tell.

    Parameters
    ----------
    columns : sequence of str
        Names of columns that were not understood.
    """
    names = {name.lower() for name in columns}
    if any(header <= names for header in _PHYPHOX):
        return "phyphox's description of the phone or the experiment"
    for sensor, pattern in _SENSORS.items():
        found = [name for name in columns if re.fullmatch(pattern, name, re.IGNORECASE)]
        if found:
            return f"a table of {sensor} ({', '.join(found[:3])})"
    return None
