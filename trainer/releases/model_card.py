"""The model card of a release: data, results and weaknesses, for people who want to use it.

The card is generated from the manifest. A sentence that holds for some releases only appears in their cards only.
"""

from collections.abc import Sequence
from string import Template

from har.artifacts import Artifact, LeftOut
from har.recordings import device_of
from har.releases import ReleaseManifest, Scores
from recording_files.data_sets import placement_of
from recording_files.known_data_sets import KNOWN_DATA_SETS, SIMULATED
from trainer.evaluation.trust import few_windows

TEMPLATE = Template("""\
# Model card: $release

A `$network` network that classifies windows of $steps steps at $rate_hz Hz ($seconds s; acceleration along
three axes in m/s², gravity included) as $classes. It is intended for live recognition of
everyday activities on a phone, not for medical or safety decisions.$personal

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

**This is a personal release**: there were too few people to hold any out. Its results were measured on the people it
was trained on, in the same recordings, and do not hold for anybody else.\
"""

#: Prefix of a protocol's name: its description, and whether people were tested only by networks not trained on them.
PROTOCOLS = {
    "cross-validation": (
        "the training users, split into folds; each was tested by a network that was trained on the other folds. The "
        "released network was then trained on all of them",
        True,
    ),
    "reserved test users": ("never trained on, and not used for any decision", True),
    "held-out users": (
        "not trained on. They choose the threshold for unknown, and releases are compared on them",
        True,
    ),
    "held out in time": (
        "the end of each activity's recording, of the people that were trained on; no reading was both trained on and "
        "tested",
        False,
    ),
}

DEVELOPED_WITH = Template("""\
Network and training were developed with recordings of $names,
including people who are tested here$excepted.\
""")

SWAY = """\
In a phone orientation without recordings, only sway distinguishes sitting from standing: without an upright
  reference the prediction is then little better than a guess.\
"""


def model_card(manifest: ReleaseManifest, weaknesses: Sequence[str]) -> str:
    """Write the model card of a release.

    Parameters
    ----------
    manifest : ReleaseManifest
        The release, with its metrics.
    weaknesses : sequence of str
        Known weaknesses, one sentence each.

    Returns
    -------
    str
        The card, in Markdown.
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
        formats=_formats(manifest.artifacts, manifest.left_out),
        weaknesses="\n".join(f"- {weakness}" for weakness in [*weaknesses, *_weaknesses(manifest)]),
    )


def _known_users(manifest: ReleaseManifest) -> list[bool]:
    return [device_of(person) in KNOWN_DATA_SETS for person in manifest.training_users]


def _has_simulated_users(manifest: ReleaseManifest) -> bool:
    return any(device_of(person) == SIMULATED for person in manifest.training_users)


def _known_names(manifest: ReleaseManifest) -> list[str]:
    devices = sorted({device_of(person) for person in manifest.training_users} & KNOWN_DATA_SETS.keys())
    return list(dict.fromkeys(KNOWN_DATA_SETS[device].data.name for device in devices))


def _has_sit_and_stand(manifest: ReleaseManifest) -> bool:
    return {"sit", "stand"} <= set(manifest.classes)


def _data(manifest: ReleaseManifest) -> list[str]:
    parts = ["\n".join(f"- {data.name}. {data.source}. Licence: {data.licence}." for data in manifest.data)]
    parts.append(manifest.weights_licence)
    simulated = [kind.title for kind in manifest.background.kinds if kind.simulated] if manifest.background else []
    if simulated:
        parts.append(f"These kinds of background are simulated and were never recorded: {', '.join(simulated)}.")
    # The origin of recordings outside the known data sets is unknown.
    elif manifest.training_users and all(_known_users(manifest)) and not _has_simulated_users(manifest):
        parts.append("No simulated signals were trained on.")
    return [part for part in parts if part]


def _results(manifest: ReleaseManifest) -> list[str]:
    if not manifest.metrics:
        return ["Not measured."]
    kinds = [kind for kind in PROTOCOLS if any(protocol.startswith(kind) for protocol in manifest.metrics)]
    unseen = not manifest.personal and all(
        any(protocol.startswith(kind) and PROTOCOLS[kind][1] for kind in kinds) for protocol in manifest.metrics
    )
    parts = [
        "Windows with a single label are scored"
        + ("; nobody was tested by a network that was trained on them." if unseen else ".")
    ]
    if kinds:
        parts.append("\n".join(f"- *{_capital(kind)}*: {PROTOCOLS[kind][0]}." for kind in kinds))
    if any(_known_users(manifest)):
        excepted = ", reserved test users excepted" if "reserved test users" in kinds else ""
        parts.append(DEVELOPED_WITH.substitute(names=" and ".join(_known_names(manifest)), excepted=excepted))
    parts += [_table(name, found) for name, found in manifest.metrics.items()]
    return parts + _background(manifest) + _shown_for(manifest)


def _background(manifest: ReleaseManifest) -> list[str]:
    if not manifest.false_activity:
        return []
    rows = "\n".join(f"| {label} | {rate:.1%} |" for label, rate in manifest.false_activity.items())
    return [f"**None of the classes**\n\n| label | windows that are called an activity |\n|---|---|\n{rows}"]


def _shown_for(manifest: ReleaseManifest) -> list[str]:
    if not manifest.shown_for:
        return []
    shown = "\n".join(f"- {name}: {', '.join(places) or 'nobody'}" for name, places in manifest.shown_for.items())
    return [f"Placements of the phone on which unseen people showed each class:\n\n{shown}"]


def _weaknesses(manifest: ReleaseManifest) -> list[str]:
    return [
        *([SWAY] if _has_sit_and_stand(manifest) else []),
        *_outside(manifest),
        "The results hold for the phones and placements named above. Others may give worse results; measure them.",
        *([f"{doubt}."] if (doubt := few_windows(manifest.metrics.values(), manifest.window_spec)) else []),
    ]


def _outside(manifest: ReleaseManifest) -> list[str]:
    """Return what happens with windows of none of the classes."""
    if manifest.background is None:
        how = "the prediction is one of these classes, too"
        if manifest.decision_threshold:
            how = (
                f"the prediction is `unknown` if no class reaches a probability of {manifest.decision_threshold:g}; "
                "often it is one of these classes"
            )
        return [f"The training windows contain only {', '.join(manifest.classes)}. For other activities, {how}."]
    titles = ", ".join(kind.title for kind in manifest.background.kinds)
    return [
        f"The network knows these kinds of background, and predicts `unknown` for them: {titles}. What is none of them "
        "and none of the classes is often called one of the classes.",
    ]


def _users(people: Sequence[str]) -> str:
    placements: dict[str, list[str]] = {}
    for person in sorted(people):
        placements.setdefault(placement_of(person), []).append(f"`{person}`")
    return "\n".join(f"- {name} ({len(users)}): {', '.join(users)}" for name, users in placements.items())


def _table(protocol: str, found: Scores) -> str:
    rows = "\n".join(
        f"| {name} | {score.precision:.3f} | {score.recall:.3f} | {score.f1:.3f} | {score.windows} |"
        if score.windows
        else f"| {name} | - | - | - | 0 |"
        for name, score in found.per_class.items()
    )
    return (
        f"**{_capital(protocol)}**: macro-F1 {found.macro_f1:.3f}, accuracy {found.accuracy:.3f}\n\n"
        f"| class | precision | recall | F1 | windows |\n|---|---|---|---|---|\n{rows}"
    )


def _formats(artifacts: Sequence[Artifact], left_out: Sequence[LeftOut]) -> str:
    measured = any(artifact.largest_difference is not None for artifact in artifacts)
    heading = "Each file contains the same network" + (
        ", compared with the trained network on evaluated windows." if measured else "."
    )
    rows = "\n".join(
        f"| `{artifact.name}` | {artifact.format} | {artifact.bytes / 1e3:.0f} KB | "
        f"{_figure(artifact.largest_difference, '.1e')} | {_figure(artifact.same_prediction, '.2%')} | "
        f"{_figure(artifact.latency_ms, '.2f', ' ms')} |"
        for artifact in artifacts
    )
    absent = "".join(f"\n\n**There is no {each.format} file**: {each.reason}." for each in left_out)
    return (
        f"{heading}\n\n"
        "| file | format | size | largest difference of a probability | same predictions "
        "| time per window on one core |\n"
        f"|---|---|---|---|---|---|\n{rows}{absent}"
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _figure(value: float | None, shown: str, unit: str = "") -> str:
    return "–" if value is None else f"{value:{shown}}{unit}"
