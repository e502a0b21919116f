"""Data sets behind one interface: whatever they are kept in, a table of `user, device, model, session, t, x, y, z, gt`.

A `Source` is found by path or name (`find_source`) and gives its table part by part, so that nothing has to fit
into memory at once, and its provenance. One module a format: `parquet`, `hhar` (its CSV, or the archive as it was
downloaded), `hapt` (the original archive) and `collected` (what the system itself recorded). `fetch` downloads the
public ones.
"""

from trainer.sources.finding import find_source
from trainer.sources.source import Source
from trainer.sources.table import SCHEMA, Part

__all__ = ["SCHEMA", "Part", "Source", "find_source"]
