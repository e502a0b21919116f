"""Any other table: columns that the person names with options, or that have usual names."""

import re

from recording_files.column_options import ColumnOptions
from recording_files.layout import Layout, TimeColumn, Unit
from recording_files.table_head import TableHead

#: A unit of accelerations behind a name.
_IN_UNIT = r" ?[\[(] ?(m/s(\^?2|²)|m/s/s|m\s?s-2|g|mg) ?[\])]"
#: Usual names of the axes; AXIS stands for x, y or z. Names that say that gravity is included come first.
_AXES = (
    r"(total_?acc(eleration)?)_?AXIS",
    r"acc(el|eleration|elerometer)?[ _.\-]?AXIS",
    r"AXIS[ _.\-]?acc(el|eleration|elerometer)?",
    r"acc(el|eleration|elerometer)?[ _.\-]?AXIS ?[\[(].*[\])]",
    rf"a_?AXIS({_IN_UNIT})?",
    rf"AXIS({_IN_UNIT})?",
    rf"AXIS[ _-]?axis({_IN_UNIT})?",
)
_TIME = (
    r"(t|time|time[ _]?stamps?|elapsed|((elapsed|relative|event|sensor|unix|system)[ _]?)time([ _]?stamp)?)"
    r"([ _]?[\[(]? ?(ms|us|µs|ns|s|sec|seconds?|milliseconds?|microseconds?|nanoseconds?) ?[\])]?)?"
    r"|seconds([ _]elapsed)?|epoch.*|datetime|date"
)
_TEXTS = {
    "user": r"user(_?id)?|subject(_?id)?|person|participant(_?id)?|wearer|id",
    "device": r"device(_?id)?|phone",
    "model": r"model|device_model|phone_model",
    "session": r"session(_?id)?|recording|experiment|trial",
    "gt": r"gt|label|activity|class|ground_?truth|activity_?label",
}
_STATED_UNITS = ((r".*\bm/s(\^?2|²).*", Unit.METRES), (r".*[\[(]\s*g\s*[\])].*", Unit.G), (r".*\bmg\b.*", Unit.MILLI_G))


def layout_of(head: TableHead, options: ColumnOptions) -> Layout | None:
    """Return the layout if the options and the usual names tell the axes, and the times or the rate; else None."""
    axes = axes_of(head, options)
    if axes is None:
        return None
    time, rate_hz = time_of(head, options), options.rate_hz
    if time is None and rate_hz is None:
        return None
    unit = options.unit or _stated_unit(axes) or head.unit_by_magnitude(axes) or Unit.METRES
    found = {name: column for name, pattern in _TEXTS.items() if (column := _shared(head, head.named(pattern)))}
    used = {*axes, *([time.name] if time else [])}
    texts = {name: column for name, column in (found | options.texts).items() if column not in used}
    return Layout(
        format="columns as named" if options.axes else "usual column names",
        axes=axes,
        unit=unit,
        time=time,
        rate_hz=rate_hz,
        texts=texts,
    )


def axes_of(head: TableHead, options: ColumnOptions) -> tuple[str, str, str] | None:
    """Return the columns of x, y and z; None if neither the options nor their names tell them."""
    return options.axes or next(filter(None, map(head.three_named, _AXES)), None)


def time_of(head: TableHead, options: ColumnOptions) -> TimeColumn | None:
    """Return the column of times and its unit; None if neither the options nor its name and values tell them."""
    named = times_named(head, options)
    if options.time_unit:
        return head.time(named[0], options.time_unit) if len(named) == 1 else None
    # Apps write the same times twice, as Sensor Logger its `time` in ns and `seconds_elapsed`: the first is as good.
    return next(filter(None, map(head.time_by_spacing, named)), None)


def times_named(head: TableHead, options: ColumnOptions) -> list[str]:
    """Return the columns that may hold the times, by what the person stated or by their names."""
    return [options.time] if options.time else head.all_named(_TIME)


def _shared(head: TableHead, column: str | None) -> str | None:
    """Return a column of names; None if almost each row has another one, as where a column `id` numbers the rows."""
    cells = head.cells(column) if column else []
    return None if len(set(cells)) > max(2, len(cells) // 2) else column


def _stated_unit(axes: tuple[str, str, str]) -> Unit | None:
    return next((unit for pattern, unit in _STATED_UNITS if re.fullmatch(pattern, axes[0], re.IGNORECASE)), None)
