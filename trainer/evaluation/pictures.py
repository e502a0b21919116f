"""The plots of an evaluation report, as embeddable SVG."""

import base64
import io

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from har.activity_styles import activity_style
from har.decisions import UNKNOWN, Thresholds
from trainer.evaluation.calibration import Calibration
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.scores import EvaluationScores, GroupScore

INK = "#1f2933"
MUTED = "#7b8794"
FAINT = "#d9dee4"
ACCENT = "#2f6fb0"
WARNING = "#c8553d"
#: Salt of the identifiers in SVG, so that the same evaluation gives the same file.
SALT = "har"


def embedded(figure: Figure) -> str:
    """Return a figure as a ``data:`` URL of an SVG."""
    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": SALT}):
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(content.getvalue()).decode()


def confusion_picture(scores: EvaluationScores) -> Figure:
    """Plot the confusion matrix: shares of each class of the ground truth, with counts."""
    counts = np.array(scores.confusion)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    rows, columns = counts.shape
    figure = _figure(0.9 + 0.72 * columns, 0.9 + 0.58 * rows)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row in range(rows):
        for column in range(columns):
            if not counts[row, column]:
                continue
            ink = "white" if shares[row, column] > 0.55 else INK
            axes.text(column, row - 0.1, f"{shares[row, column]:.0%}", ha="center", va="center", color=ink, fontsize=10)
            axes.text(column, row + 0.25, f"{counts[row, column]}", ha="center", va="center", color=ink, fontsize=7)
    axes.set_xticks(range(columns), [_title(name) for name in scores.predictions])
    axes.set_yticks(range(rows), [_title(name) for name in scores.classes])
    axes.set_xlabel("prediction")
    axes.set_ylabel("ground truth")
    _plain(axes)
    return figure


def users_picture(users: list[GroupScore], median: float) -> Figure:
    """Plot each user's macro-F1 as a bar, with the worst user at the top."""
    ordered = sorted(users, key=lambda user: user.macro_f1, reverse=True)
    figure = _figure(5.2, 0.8 + 0.23 * len(ordered))
    axes = figure.subplots()
    values = [user.macro_f1 for user in ordered]
    colours = [WARNING if place == len(ordered) - 1 and len(ordered) > 1 else ACCENT for place in range(len(ordered))]
    axes.barh(range(len(ordered)), values, color=colours, height=0.68)
    for place, value in enumerate(values):
        # Text inside the bar does not cross the line of the median.
        inside = value > 0.2
        place_of_text, ink = (value - 0.012, "white") if inside else (value + 0.012, INK)
        axes.text(
            place_of_text, place, f"{value:.3f}", va="center", ha="right" if inside else "left", color=ink, fontsize=8
        )
    axes.plot([median, median], [-0.6, len(ordered) - 0.45], color=MUTED, linewidth=1, linestyle="--", zorder=0)
    axes.text(median, len(ordered) - 0.35, "median", ha="center", va="bottom", color=MUTED, fontsize=8)
    axes.set_yticks(range(len(ordered)), [user.name for user in ordered])
    axes.set_xlim(0, 1.02)
    axes.set_ylim(-0.6, len(ordered) - 0.1)
    axes.set_xlabel("macro-F1")
    _plain(axes)
    return figure


def reliability_picture(found: Calibration) -> Figure:
    """Plot accuracy against confidence, with the number of windows in each bin."""
    figure = _figure(4.4, 3.7)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    bins = [part for part in found.bins if part.windows]
    middles = [(part.low + part.high) / 2 for part in bins]
    width = found.bins[0].high - found.bins[0].low
    upper.bar(middles, [part.accuracy for part in bins], width * 0.92, color=ACCENT, label="accuracy")
    upper.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", label="perfect calibration")
    upper.scatter([part.confidence for part in bins], [part.accuracy for part in bins], s=14, color=INK, zorder=3)
    upper.set_ylim(0, 1.02)
    upper.set_ylabel("accuracy")
    upper.legend(frameon=False, fontsize=8, loc="upper left")
    lower.bar(middles, [part.windows for part in bins], width * 0.92, color=FAINT)
    lower.set_ylabel("windows")
    lower.set_xlabel("confidence")
    lower.set_xlim(0, 1)
    for axes in (upper, lower):
        _plain(axes)
    return figure


def confidence_picture(outcomes: Outcomes, thresholds: Thresholds) -> Figure:
    """Plot how probable the network finds an activity, for windows of the classes and of none of them.

    That is 1 minus the probability of background, or the largest probability of a network that knows no background.
    """
    figure = _figure(5.2, 2.6)
    axes = figure.subplots()
    confidence, known = 1 - outcomes.background if outcomes.kinds else outcomes.confidence, outcomes.known
    threshold = 1 - thresholds.background if outcomes.kinds else thresholds.decision
    edges = np.linspace(0 if outcomes.kinds else 1 / max(2, len(outcomes.classes)), 1, 33).tolist()
    for chosen, colour, name in ((known, ACCENT, "one of the classes"), (~known, WARNING, "none of them")):
        if chosen.any():
            weights = np.full(int(chosen.sum()), 1 / int(chosen.sum()))
            axes.hist(confidence[chosen], edges, weights=weights, color=colour, alpha=0.6, label=name)
    if threshold > 0:
        axes.axvline(threshold, color=INK, linewidth=1.2)
        axes.text(threshold, axes.get_ylim()[1] * 0.97, f" {UNKNOWN} below {threshold:g}", va="top", ha="right",
                  rotation=90, color=INK, fontsize=8)  # fmt: skip
    axes.set_xlabel("probability of an activity" if outcomes.kinds else "largest probability")
    axes.set_ylabel("share of windows")
    # Above the bars, where the line of the threshold cannot cross it.
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    _plain(axes)
    return figure


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained")


def _plain(axes: Axes) -> None:
    axes.tick_params(colors=INK, labelsize=8, length=0)
    axes.xaxis.label.set_color(MUTED)
    axes.yaxis.label.set_color(MUTED)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom" and not axes.images)
        spine.set_color(FAINT)


def _title(name: str) -> str:
    return activity_style(name).title.replace(" ", "\n")
