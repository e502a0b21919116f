"""Data sets of any format as a table of `user, device, model, session, t, x, y, z, gt`.

`find_source` finds a `Source` by path or name. A source returns its provenance, and its table part by part, so that it
need not fit into memory. Each format has a module: `parquet`, `hhar` (the CSV, or the published archive), `hapt`
(the published archive) and `collected` (data that this system recorded).
"""

from recording_files.finding import find_source
from recording_files.source import Source
from recording_files.table import SCHEMA, Part

__all__ = ["SCHEMA", "Part", "Source", "find_source"]
