"""The model card of a release: what a person should know before using it."""

from collections.abc import Sequence
from string import Template

from har.releases import Artifact, ReleaseManifest, Scores
from trainer.data_sets import placement_of

TEMPLATE = Template("""\
# Model card: $release

A `$network` network that classifies windows of $steps steps at $rate_hz Hz ($seconds s; acceleration along
three axes in m/s², gravity included) as $classes. It is meant for recognising everyday
activities live on a phone, not for medical or safety decisions.$personal

## Data and licences

$data

$weights_licence

No simulated signal was trained on.

## Training users

$users

## Results

A window counts if one label covers all of it; nobody is both trained on and tested.

- *Cross-validation*: the training users, dealt into folds; network and training were developed with it.
- *Standing test users*: never trained on and not used for any choice.

The variations that training makes up (turned phones, quieter standing, the preference for standing when the phone
lies in a way that no recording shows) were developed with an excerpt of one person standing with an HHAR phone in
view. That the network calls that person standing was made so, and is no evidence for other people.

$results

## Formats

The same network, frozen four times and compared with the trained one on windows that it was measured with.

$formats

## Known weaknesses

$weaknesses
- Sitting and standing with the phone in a way that no recording shows differ by sway alone: the answer is then
  little better than a guess, and leans towards standing.
- Nobody cycles, runs or lies down in the training windows: $outside.
- The results hold for the phones and placements named above. For others, expect less, and measure.
""")


PERSONAL = """

**This is a personal release**: too few people were trained on to hold any out. Its results were measured on the same
people, on the same occasions, and say nothing about anybody else.\
"""


def model_card(manifest: ReleaseManifest, weaknesses: Sequence[str]) -> str:
    """Write the model card of a release.

    Parameters
    ----------
    manifest : ReleaseManifest
        The release, with its metrics.
    weaknesses : sequence of str
        What is known to be weak, a sentence each.

    Returns
    -------
    str
        Markdown.
    """
    return TEMPLATE.substitute(
        release=manifest.release,
        network=manifest.network,
        steps=manifest.steps,
        rate_hz=manifest.rate_hz,
        seconds=f"{manifest.steps / manifest.rate_hz:g}",
        classes=", ".join(manifest.classes),
        personal=PERSONAL if manifest.personal else "",
        outside=_outside(manifest),
        data="\n".join(f"- {data.name}. {data.source}. Licence: {data.licence}." for data in manifest.data),
        weights_licence=manifest.weights_licence,
        users=_users(manifest.training_users),
        results="\n\n".join(_table(name, found) for name, found in manifest.metrics.items()) or "Not measured.",
        formats=_formats(manifest.artifacts),
        weaknesses="\n".join(f"- {weakness}" for weakness in weaknesses),
    )


def _outside(manifest: ReleaseManifest) -> str:
    if not manifest.decision_threshold:
        return "that, too, gets one of the classes above"
    rate = manifest.false_activity_rate
    how_often = "often one does" if rate is None else f"one does for {rate:.0%} of such windows of validation users"
    return (
        f"where no class reaches a probability of {manifest.decision_threshold:g} the answer is `unknown`, but "
        f"{how_often}, and that, too, gets one of the classes above"
    )


def _users(people: Sequence[str]) -> str:
    placements: dict[str, list[str]] = {}
    for person in sorted(people):
        placements.setdefault(placement_of(person), []).append(f"`{person}`")
    return "\n".join(f"- {name} ({len(users)}): {', '.join(users)}" for name, users in placements.items())


def _table(protocol: str, found: Scores) -> str:
    rows = "\n".join(
        f"| {name} | {score.precision:.3f} | {score.recall:.3f} | {score.f1:.3f} | {score.windows} |"
        for name, score in found.per_class.items()
    )
    return (
        f"**{protocol[0].upper()}{protocol[1:]}**: "
        f"macro-F1 {found.macro_f1:.3f}, accuracy {found.accuracy:.3f}\n\n"
        f"| class | precision | recall | F1 | windows |\n|---|---|---|---|---|\n{rows}"
    )


def _formats(artifacts: Sequence[Artifact]) -> str:
    rows = "\n".join(
        f"| `{each.name}` | {each.format} | {each.bytes / 1e3:.0f} KB | {_figure(each.largest_difference, '.1e')} | "
        f"{_figure(each.same_answer, '.2%')} | {_figure(each.latency_ms, '.2f', ' ms')} |"
        for each in artifacts
    )
    return (
        "| file | format | size | largest difference of a probability | same answers | one window on one core |\n"
        f"|---|---|---|---|---|---|\n{rows}"
    )


def _figure(value: float | None, shown: str, unit: str = "") -> str:
    return "–" if value is None else f"{value:{shown}}{unit}"
