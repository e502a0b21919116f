"""Recognise what a text table is, by its header and its first rows, never by its name."""

from collections.abc import Callable

import msgspec

from har.recordings import RecordingError
from recording_files.column_options import NOTHING_STATED, ColumnOptions
from recording_files.layout import Layout
from recording_files.layouts import (
    andro_sensor,
    common_names,
    core_motion,
    hhar,
    own_columns,
    phyphox,
    physics_toolbox,
    sensor_log,
    wisdm,
)
from recording_files.table_head import TableHead

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
)


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
    RecordingError
        If it cannot be told which columns are the time and the axes. The message names those that were found, and the
        options to name them with. Also if a column that is needed stands in the table twice, or is not in it.
    """
    _require_stated(head, options)
    layout = None
    if options.axes is None:
        layout = next(filter(None, (known(head) for known in FORMATS)), None)
    if layout is None:
        layout = common_names.layout_of(head, options)
    if layout is None:
        raise RecordingError(_question(head, options))
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


def _question(head: TableHead, options: ColumnOptions) -> str:
    repeated = sorted({name for name in head.form.names if name and head.form.names.count(name) > 1})
    if repeated:
        return f"{head.place} has several columns named {', '.join(map(repr, repeated))}: rename or remove all but one"
    missing = "the axes (--x, --y, --z)"
    if common_names.axes_of(head, options) is not None:
        missing = "the times (--time and --time-unit, or --rate-hz if there are none)"
    return (
        f"{head.place}: none of the known formats, and its columns do not tell {missing}. "
        f"Its columns are {_listed(head)}"
    )


def _listed(head: TableHead) -> str:
    return ", ".join(head.names)
