"""The model card of a release: what a person should know before using it.

Every sentence follows from the manifest: what holds for some releases only is said of those alone.
"""

from collections.abc import Sequence
from string import Template

from har.releases import Artifact, ReleaseManifest, Scores
from trainer.sources.data_sets import KNOWN_DATA_SETS, placement_of
from trainer.sources.splits import device_of

TEMPLATE = Template("""\
# Model card: $release

A `$network` network that classifies windows of $steps steps at $rate_hz Hz ($seconds s; acceleration along
three axes in m/s², gravity included) as $classes. It is meant for recognising everyday
activities live on a phone, not for medical or safety decisions.$personal

## Data and licences

$data

## Training users

$users

## Results

$results

## Formats

$formats

## Known weaknesses

$weaknesses
""")

PERSONAL = """

**This is a personal release**: too few people were trained on to hold any out. Its results were measured on the same
people, on the same occasions, and say nothing about anybody else.\
"""

#: How each protocol's name begins, what it says, and whether those tested were trained on by no network that they met.
PROTOCOLS = {
    "cross-validation": (
        "the training users, dealt into folds; each was tested by a network that was trained on the other folds. The "
        "released network was then trained on all of them",
        True,
    ),
    "reserved test users": ("never trained on and not used for any choice", True),
    "held-out users": (
        "not trained on. The threshold for unknown is chosen by them, and releases are compared on them",
        True,
    ),
    "held out in time": (
        "the end of each activity's recording, of the same people that the rest was trained on; no reading was both "
        "trained on and tested",
        False,
    ),
}

DEVELOPED_WITH = Template("""\
Network and training were developed with recordings of $names;
that includes people who are tested here$excepted.\
""")

STANDING = """\
The variations that training makes up (turned phones, quieter standing, the preference for standing when the phone
lies in a way that no recording shows) were developed with an excerpt of one person standing with an HHAR phone in
view. That the network calls that person standing was made so, and is no evidence for other people.\
"""

SWAY = """\
Sitting and standing with the phone in a way that no recording shows differ by sway alone: the answer is then
  little better than a guess, and leans towards standing.\
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
        data="\n\n".join(_data(manifest)),
        users=_users(manifest.training_users),
        results="\n\n".join(_results(manifest)),
        formats=_formats(manifest.artifacts),
        weaknesses="\n".join(f"- {weakness}" for weakness in [*weaknesses, *_weaknesses(manifest)]),
    )


def _known_users(manifest: ReleaseManifest) -> list[bool]:
    return [device_of(person) in KNOWN_DATA_SETS for person in manifest.training_users]


def _known_names(manifest: ReleaseManifest) -> list[str]:
    devices = sorted({device_of(person) for person in manifest.training_users} & KNOWN_DATA_SETS.keys())
    return list(dict.fromkeys(KNOWN_DATA_SETS[device].data.name for device in devices))


def _tells_standing_by_sway(manifest: ReleaseManifest) -> bool:
    return {"sit", "stand"} <= set(manifest.classes)


def _data(manifest: ReleaseManifest) -> list[str]:
    parts = ["\n".join(f"- {data.name}. {data.source}. Licence: {data.licence}." for data in manifest.data)]
    parts.append(manifest.weights_licence)
    # Nobody knows how recordings came about that are of none of the known data sets.
    if manifest.training_users and all(_known_users(manifest)):
        parts.append("No simulated signal was trained on.")
    return [part for part in parts if part]


def _results(manifest: ReleaseManifest) -> list[str]:
    if not manifest.metrics:
        return ["Not measured."]
    kinds = [kind for kind in PROTOCOLS if any(protocol.startswith(kind) for protocol in manifest.metrics)]
    unseen = not manifest.personal and all(
        any(protocol.startswith(kind) and PROTOCOLS[kind][1] for kind in kinds) for protocol in manifest.metrics
    )
    parts = [
        "A window counts if one label covers all of it"
        + ("; nobody was tested by a network that was trained on them." if unseen else ".")
    ]
    if kinds:
        parts.append("\n".join(f"- *{_capital(kind)}*: {PROTOCOLS[kind][0]}." for kind in kinds))
    if any(_known_users(manifest)):
        excepted = ", reserved test users excepted" if "reserved test users" in kinds else ""
        parts.append(DEVELOPED_WITH.substitute(names=" and ".join(_known_names(manifest)), excepted=excepted))
        if _tells_standing_by_sway(manifest):
            parts.append(STANDING)
    return parts + [_table(name, found) for name, found in manifest.metrics.items()]


def _weaknesses(manifest: ReleaseManifest) -> list[str]:
    return [
        *([SWAY] if _tells_standing_by_sway(manifest) else []),
        f"The training windows show nothing but {', '.join(manifest.classes)}. Whatever else somebody does: "
        f"{_outside(manifest)}.",
        "The results hold for the phones and placements named above. For others, expect less, and measure.",
    ]


def _outside(manifest: ReleaseManifest) -> str:
    if not manifest.decision_threshold:
        return "that, too, gets one of these classes"
    rate = manifest.false_activity_rate
    how_often = "often one does" if rate is None else f"one does for {rate:.0%} of such windows that were tested"
    return (
        f"where no class reaches a probability of {manifest.decision_threshold:g} the answer is `unknown`, but "
        f"{how_often}, and that, too, gets one of these classes"
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
        f"**{_capital(protocol)}**: macro-F1 {found.macro_f1:.3f}, accuracy {found.accuracy:.3f}\n\n"
        f"| class | precision | recall | F1 | windows |\n|---|---|---|---|---|\n{rows}"
    )


def _formats(artifacts: Sequence[Artifact]) -> str:
    measured = any(each.largest_difference is not None for each in artifacts)
    said = "The same network in each file" + (
        ", compared with the trained one on windows that it was measured with." if measured else "."
    )
    rows = "\n".join(
        f"| `{each.name}` | {each.format} | {each.bytes / 1e3:.0f} KB | {_figure(each.largest_difference, '.1e')} | "
        f"{_figure(each.same_answer, '.2%')} | {_figure(each.latency_ms, '.2f', ' ms')} |"
        for each in artifacts
    )
    return (
        f"{said}\n\n"
        "| file | format | size | largest difference of a probability | same answers | one window on one core |\n"
        f"|---|---|---|---|---|---|\n{rows}"
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _figure(value: float | None, shown: str, unit: str = "") -> str:
    return "–" if value is None else f"{value:{shown}}{unit}"
