"""The charts of a data report."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from har.activity_names import NULL_LABEL
from har.activity_styles import activity_style
from har.time_units import MICROSECONDS
from trainer.data_report.survey import TRACE_US, SampledTrace, Survey

INK, MUTED, FAINT, ACCENT = "#1f2933", "#7b8794", "#d9dee4", "#2f6fb0"
AXIS_COLOURS = ("#d1495b", "#3a8f5f", "#2f6fb0")
#: Colours of activities without a colour in the dashboard.
_OTHER_COLOURS = ("#5f6caf", "#b07d62", "#7f9c5a", "#a05195", "#d4a017", "#488f8f", "#8d6a9f")
_NULL_COLOUR = "#c3c9d0"
_WIDTH = 10.4


def class_picture(seconds: Mapping[str, float]) -> Figure:
    """Draw the time of each label as a bar.

    Parameters
    ----------
    seconds : mapping of str to float
        Time by label, s.
    """
    labels = sorted(seconds, key=lambda label: seconds[label])
    figure = _figure(0.9 + 0.36 * len(labels))
    axes = figure.subplots()
    minutes = np.array([seconds[label] / 60 for label in labels])
    axes.barh(range(len(labels)), minutes, color=colours(labels), height=0.72)
    for place, value in enumerate(minutes):
        share = value / max(minutes.sum(), 1e-9)
        axes.text(value, place, f"  {value:,.1f} min · {share:.1%}", va="center", color=INK, fontsize=9)
    axes.set_yticks(range(len(labels)), [_title(label) for label in labels])
    axes.set_xlim(0, max(minutes.max(initial=0) * 1.2, 0.1))
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.set_xlabel("recorded time, minutes")
    _plain(axes)
    return figure


def user_picture(survey: Survey, shown: Collection[str]) -> Figure:
    """Draw a table of minutes by user and label, of the labels to show. Empty cells show "none"."""
    users, labels = survey.users, sorted(shown, key=lambda label: (label == NULL_LABEL, label))
    minutes = np.array([[survey.seconds.get((user, label), 0.0) / 60 for label in labels] for user in users])
    figure = _figure(1.2 + 0.3 * len(users))
    axes = figure.subplots()
    named = [column for column, label in enumerate(labels) if label != NULL_LABEL]
    largest = max(minutes[:, named].max(initial=0), 1e-9)
    axes.imshow(_without(minutes, named) / largest, cmap="Blues", vmin=0, vmax=1.9, aspect="auto")
    for row, column in np.ndindex(minutes.shape):
        value = minutes[row, column]
        if value:
            axes.text(column, row, f"{value:.1f}", ha="center", va="center", color=INK, fontsize=8.5)
        else:
            axes.text(column, row, "none", ha="center", va="center", color="#c8553d", fontsize=8)
    axes.set_xticks(range(len(labels)), [_title(label) for label in labels], rotation=30, ha="left")
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(users)), users)
    _plain(axes)
    return figure


def trace_picture(traces: Sequence[SampledTrace]) -> Figure:
    """Draw a few seconds of each label, all on the same scale."""
    columns = 3
    rows = -(-len(traces) // columns)
    figure = _figure(0.6 + 1.75 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, trace in zip(grid.flat, traces, strict=False):
        for axis, name in enumerate("xyz"):
            axes.plot(trace.seconds, trace.axes[:, axis], color=AXIS_COLOURS[axis], linewidth=0.9, label=name)
        axes.set_title(_title(trace.label), loc="left", fontsize=10, color=INK, fontweight="bold")
        axes.set_title(f"user {trace.user}, {trace.model}", loc="right", fontsize=7.5, color=MUTED)
        axes.grid(color=FAINT, linewidth=0.5)
        axes.set_xlim(0, TRACE_US / MICROSECONDS)
        _plain(axes)
    for axes in grid.flat[len(traces) :]:
        axes.set_visible(False)
    for column in range(columns):
        lowest = max((row for row in range(rows) if row * columns + column < len(traces)), default=0)
        grid[lowest, column].set_xlabel("seconds")
        grid[lowest, column].tick_params(labelbottom=True)
    for row in range(rows):
        grid[row, 0].set_ylabel("m/s²")
    lines, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside upper right", ncols=3, frameon=False, title="axis", title_fontsize=9)
    return figure


def rate_picture(rates: Mapping[str, Counter[int]]) -> Figure:
    """Draw the distribution of readings per second for each model of phone.

    Parameters
    ----------
    rates : mapping of str to Counter of int
        By model: number of seconds by their number of readings.
    """
    models = sorted(rates)
    highest = max((max(counts) for counts in rates.values() if counts), default=1)
    figure = _figure(0.7 + 1.2 * len(models))
    grid = figure.subplots(len(models), 1, squeeze=False, sharex=True)[:, 0]
    edges = np.linspace(0, highest * 1.08 + 1, 151)
    for axes, model in zip(grid, models, strict=True):
        values = np.array(list(rates[model]), np.float64)
        weights = np.array(list(rates[model].values()), np.float64)
        if len(values):
            shares, _ = np.histogram(values, edges, weights=weights / weights.sum())
            axes.bar(edges[:-1], 100 * shares, width=np.diff(edges), align="edge", color=ACCENT)
            middle = _weighted_median(values, weights)
            axes.axvline(middle, color="#c8553d", linewidth=1, linestyle=(0, (4, 3)))
            axes.set_title(f"median {middle:.0f} Hz of {weights.sum():,.0f} s", loc="right", fontsize=8.5, color=MUTED)
        axes.set_title(model, loc="left", fontsize=10, color=INK, fontweight="bold")
        axes.grid(color=FAINT, linewidth=0.5, axis="x")
        axes.set_ylabel("% of\nseconds", fontsize=8)
        axes.set_xlim(0, edges[-1])
        axes.yaxis.set_major_locator(MaxNLocator(2))
        _plain(axes)
    grid[-1].set_xlabel("readings per second, Hz (dashed: median)")
    return figure


def gap_picture(gaps_us: Mapping[str, Sequence[int]]) -> Figure:
    """Draw the lengths of the gaps by model of phone. There must be at least one gap."""
    found = {model: np.array(gaps) / MICROSECONDS for model, gaps in sorted(gaps_us.items()) if gaps}
    longest = max(float(gaps.max()) for gaps in found.values())
    edges = np.geomspace(1, max(longest * 1.05, 10), 31)
    figure = _figure(2.6)
    axes = figure.subplots()
    axes.hist(
        list(found.values()), edges.tolist(), stacked=True,
        label=[f"{model} ({len(gaps):,})" for model, gaps in found.items()], color=_palette(len(found)),
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("length of the gap, seconds")
    axes.set_ylabel("gaps")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.legend(frameon=False, fontsize=8.5, title="model (gaps)", title_fontsize=8.5)
    _plain(axes)
    return figure


def colours(labels: Sequence[str]) -> list[str]:
    """Return a colour for each label: the dashboard's if it has one, else another."""
    spare = iter(_OTHER_COLOURS * (1 + len(labels)))
    known = {label: activity_style(label).colour for label in labels}
    fallback = activity_style("\0").colour
    return [
        _NULL_COLOUR if label == NULL_LABEL else known[label] if known[label] != fallback else next(spare)
        for label in labels
    ]


def _without(values: NDArray[np.float64], kept: Sequence[int]) -> NDArray[np.float64]:
    """Set all other columns to zero, so that they are not coloured."""
    shown = np.zeros_like(values)
    shown[:, kept] = values[:, kept]
    return shown


def _palette(count: int) -> list[str]:
    return [((ACCENT, "#e8891c", *_OTHER_COLOURS) * count)[place] for place in range(count)]


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    return float(values[order][np.searchsorted(weights[order].cumsum(), weights.sum() / 2)])


def _title(label: str) -> str:
    return "No activity" if label == NULL_LABEL else activity_style(label).title


def _figure(height: float) -> Figure:
    return Figure(figsize=(_WIDTH, height), layout="constrained")


def _plain(axes: Axes) -> None:
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(which="both", length=0, colors=MUTED, labelsize=9)
    axes.xaxis.label.set_color(MUTED)
    axes.yaxis.label.set_color(MUTED)
