"""Recognise what a text table is, by its header and its first rows, never by its name."""

from collections import Counter
from collections.abc import Callable

import msgspec
import numpy as np

from har.activity_names import listed
from har.recordings import RecordingError
from recording_files.column_options import NOTHING_STATED, ColumnOptions
from recording_files.layout import Layout
from recording_files.layouts import (
    andro_sensor,
    common_names,
    core_motion,
    headerless,
    hhar,
    own_columns,
    phyphox,
    physics_toolbox,
    sensor_log,
    wisdm,
)
from recording_files.other_tables import other_sensor
from recording_files.table_head import TableHead
from recording_files.text_form import NotATableError, is_number

#: The known formats. Each recognises columns that no other has.
FORMATS: tuple[Callable[[TableHead], Layout | None], ...] = (
    own_columns.layout_of,
    hhar.layout_of,
    phyphox.layout_of,
    andro_sensor.layout_of,
    sensor_log.layout_of,
    physics_toolbox.layout_of,
    core_motion.layout_of,
    wisdm.layout_of,
    headerless.layout_of,
)
#: A message names at most so many columns, and so many characters of each.
_MOST_NAMED, _LONGEST_NAME = 40, 60
#: Larger numbers are seconds since 1970, or parts of them. The steps of 32-bit floats are longer than 60 of them there.
_LARGE = 1e9


class UnknownColumnsError(RecordingError):
    """A table's columns do not tell what they are: the text asks for what is missing."""


def recognised(head: TableHead, options: ColumnOptions = NOTHING_STATED) -> Layout:
    """Return the layout of a table.

    Parameters
    ----------
    head : TableHead
        Its beginning.
    options : ColumnOptions
        What the person stated. It takes precedence over what the format says. A table whose axes are named is of no
        known format.

    Raises
    ------
    UnknownColumnsError
        If it cannot be told which columns are the time and the axes. The message names those that were found, and the
        options to name them with.
    NotATableError
        If it is a table of another sensor.
    RecordingError
        If a column that is named is not in the table, or stands in it twice.
    """
    _require_stated(head, options)
    layout = None
    if options.axes is None:
        layout = next(filter(None, (known(head) for known in FORMATS)), None)
    if layout is None:
        layout = common_names.layout_of(head, options)
    if layout is None:
        other = None if options else other_sensor(head.names)
        if other is not None:
            raise NotATableError(f"{head.place} is {other}, not of an accelerometer")
        raise UnknownColumnsError(_question(head, options))
    if layout.time is None and layout.rate_hz is None and options.rate_hz is None and options.time is None:
        raise UnknownColumnsError(_question(head, options, has_axes=True))
    return _as_stated(head, layout, options)


def _as_stated(head: TableHead, layout: Layout, options: ColumnOptions) -> Layout:
    """Return a layout with what the person stated in place of what was understood."""
    time = layout.time
    if options.time and (time is None or options.time != time.name):
        time = common_names.time_of(head, options)
        if time is None:
            raise RecordingError(
                f"{head.place}: the values of {options.time!r} do not tell the unit of time: state it with --time-unit"
            )
    elif time is not None and options.time_unit not in (None, time.unit):
        time = head.time(time.name, options.time_unit or time.unit)
    return msgspec.structs.replace(
        layout,
        time=time,
        rate_hz=options.rate_hz or layout.rate_hz,
        unit=options.unit or layout.unit,
        is_inverted=layout.is_inverted if options.is_inverted is None else options.is_inverted,
        texts=layout.texts | options.texts,
        constants={name: text for name, text in layout.constants.items() if name not in options.texts},
    )


def _require_stated(head: TableHead, options: ColumnOptions) -> None:
    stated = [*(options.axes or ()), *([options.time] if options.time else []), *options.texts.values()]
    for name in stated:
        if name not in head.names:
            twice = f"stands in it {head.form.names.count(name)} times" if name in head.form.names else "is not in it"
            raise RecordingError(f"{head.place}: the column {name!r} {twice}; its columns are {_listed(head)}")


def _question(head: TableHead, options: ColumnOptions, *, has_axes: bool = False) -> str:
    repeated = sorted(name for name, count in Counter(head.form.names).items() if name and count > 1)
    if repeated:
        return f"{head.place} has several columns named {', '.join(map(repr, repeated))}: rename or remove all but one"
    if len(head.rows) == 1 and common_names.axes_of(head, options) is not None:
        return f"{head.place} has a single reading: a window needs those of several seconds"
    missing = "the axes (--x, --y, --z)"
    if has_axes or common_names.axes_of(head, options) is not None:
        missing = f"the times (--time and --time-unit, or --rate-hz if there are none){_of_times(head, options)}"
    return (
        f"{head.place}: none of the known formats, and its columns do not tell {missing}. "
        f"Its columns are {_listed(head)}"
    )


def _of_times(head: TableHead, options: ColumnOptions) -> str:
    """Return what is wrong with the column that has the name of one of times; empty if there is none."""
    name = next(iter(common_names.times_named(head, options)), None)
    cells = head.cells(name) if name else []
    if not cells:
        return ""
    different = list(dict.fromkeys(cells))
    if len(different) > 1 and is_number(cells[0]):
        return f": {different[0]} and {different[1]} in {name!r} may be in several units, or are in none"
    if len(cells) == 1 or len(different) > 1:
        return f": {name!r} holds {cells[0][:_LONGEST_NAME]!r}, and dates are read like 2026-05-01 12:00:00.020"
    same = f": all of the first {len(cells):,} values of {name!r} are {cells[0][:_LONGEST_NAME]}"
    is_float32 = is_number(cells[0]) and float(cells[0]) == float(np.float32(cells[0])) and float(cells[0]) > _LARGE
    return (
        f"{same}, as 32-bit floats cannot hold times since 1970: export them as 64-bit floats" if is_float32 else same
    )


def _listed(head: TableHead) -> str:
    names = (name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…" for name in head.names)
    return listed(names, most=_MOST_NAMED)
