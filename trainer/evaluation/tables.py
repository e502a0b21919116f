"""Format an evaluation as a table for a terminal."""

from trainer.evaluation.scores import EvaluationScores


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
        lines.append(
            f"{name:<{width}}  {score.precision:>9.3f}  {score.recall:>6.3f}  {score.f1:>5.3f}  {score.windows:>7}"
            f"{'':14} " + " ".join(f"{count:>{width}}" for count in row)
        )
    spread, unknown = found.spread, found.unknown
    lines += [
        "",
        f"{len(found.users)} user(s): macro-F1 from {spread.worst:.3f} ({spread.worst_user}) to {spread.best:.3f}, "
        f"median {spread.median:.3f}, middle half {spread.lower_quartile:.3f} to {spread.upper_quartile:.3f}",
        f"expected calibration error {found.calibration.error:.3f}",
    ]
    if len(found.models) > 1:
        lines.append("macro-F1 by model: " + ", ".join(f"{model.name} {model.macro_f1:.3f}" for model in found.models))
    if found.threshold > 0:
        lines.append(
            f"unknown below {found.threshold:g}: {unknown.known_predicted_unknown:.1%} of the windows of the classes"
        )
    if unknown.false_activity_rate is not None:
        lines.append(
            f"false-activity rate {unknown.false_activity_rate:.1%}: share of the {unknown.outside_windows} windows of "
            "none of the classes that were predicted as an activity"
        )
    return "\n".join(lines)
