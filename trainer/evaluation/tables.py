"""Format an evaluation as a table for a terminal."""

from collections.abc import Iterator

from har.decisions import NO_THRESHOLDS, Thresholds
from trainer.evaluation.scores import EvaluationScores
from trainer.evaluation.unknown import UnknownRates


def scores_table(found: EvaluationScores) -> str:
    """Return the scores as text, with a table by class and the confusion matrix."""
    width = max(len(name) for name in [*found.predictions, "activity"])
    lines = [
        f"{found.windows} windows, accuracy {found.accuracy:.3f}, macro-F1 {found.macro_f1:.3f}",
        "",
        f"{'activity':<{width}}  precision  recall     f1  windows  predicted as "
        + " ".join(f"{name:>{width}}" for name in found.predictions),
    ]
    for name, row in zip(found.classes, found.confusion, strict=True):
        score = found.per_class[name]
        figures = (score.precision, score.recall, score.f1)
        precision, recall, f1 = (f"{figure:.3f}" if score.windows else "-" for figure in figures)
        lines.append(
            f"{name:<{width}}  {precision:>9}  {recall:>6}  {f1:>5}  {score.windows:>7}"
            f"{'':14} " + " ".join(f"{count:>{width}}" for count in row)
        )
    spread, unknown = found.spread, found.unknown
    lines += [
        "",
        f"{len(found.users)} user(s): macro-F1 from {spread.worst:.3f} ({spread.worst_user}) to {spread.best:.3f}, "
        f"median {spread.median:.3f}, middle half {spread.lower_quartile:.3f} to {spread.upper_quartile:.3f}",
        f"expected calibration error {found.calibration.error:.3f}; by class "
        + ", ".join(
            f"{name} {error:.3f}" for name, error in found.class_calibration.items() if found.per_class[name].windows
        ),
    ]
    if len(found.models) > 1:
        lines.append("macro-F1 by model: " + ", ".join(f"{model.name} {model.macro_f1:.3f}" for model in found.models))
    thresholds = Thresholds(found.threshold, found.largest_background)
    if thresholds != NO_THRESHOLDS:
        lines.append(
            f"unknown with {stated_thresholds(thresholds)}: {unknown.known_predicted_unknown:.1%} of the windows of "
            "the classes"
        )
    return "\n".join([*lines, *unknown_table(unknown)])


def stated_thresholds(thresholds: Thresholds) -> str:
    """Return thresholds as text.

    Examples
    --------
    >>> stated_thresholds(Thresholds(0.0, 0.25))
    'at most 0.25 of background'
    """
    stated = [f"a probability of {thresholds.decision:g}"] if thresholds.decision > 0 else []
    if thresholds.background < 1:
        stated.append(f"at most {thresholds.background:g} of background")
    return " and ".join(stated) or "no threshold"


def unknown_table(found: UnknownRates) -> Iterator[str]:
    """Return the false-activity rate of each kind of background and other label, as lines."""
    if found.false_activity_rate is None:
        return
    width = max(19, *(len(label) for label in found.by_label))
    yield ""
    yield f"{'none of the classes':<{width}}  called an activity  named as this kind"
    for label, rate in found.by_label.items():
        named = f"{found.kinds_named[label]:.1%}" if label in found.kinds_named else "-"
        yield f"{label:<{width}}  {rate:>18.1%}  {named:>18}"
