"""Data sets of any format as a table of `user, device, model, session, t, x, y, z, gt`.

`find_source` finds a `Source` by path or name. A source returns its provenance, and its table part by part, so that it
need not fit into memory. `formats` has a module for each kind of source, `layouts` one for each kind of text table, and
`checking` the one check of recordings.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recording_files.finding import find_source
    from recording_files.source import Source
    from recording_files.table import SCHEMA, Part

__all__ = ["SCHEMA", "Part", "Source", "find_source"]
_MODULES = {"SCHEMA": "table", "Part": "table", "Source": "source", "find_source": "finding"}


def __getattr__(name: str) -> object:
    """Import a name of `__all__` when it is used: the command line reads the settings here without PyArrow."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
