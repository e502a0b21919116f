"""Make the release that ships with the project: `python -m trainer.commands.baseline --data PATH… --output DIR`.

`har train` holds some people out for validation. The baseline needs no comparison with a successor on these recordings,
so it is trained on everybody except the reserved test users. Cross-validation measures how well this generalises to
unseen people. Its predictions, each by a network that was not trained on the person, also choose the threshold for
unknown.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from har.releases import ReleaseManifest
from recording_files import find_source
from recording_files.data_sets import weaknesses_of
from recording_files.source import provenance_of
from trainer import defaults
from trainer.commands.cross_validate import fit_network, network_trainer, pool_spec_of, with_chosen_outputs
from trainer.evaluation import protocols
from trainer.evaluation.outcomes import join_outcomes
from trainer.evaluation.pools import make_pools
from trainer.evaluation.recordings_to_test import read_evaluation_data
from trainer.evaluation.temperature import calibrated, fold_in, scaling_of
from trainer.evaluation.unknown import choose_threshold
from trainer.fitting.examples import Examples
from trainer.fitting.fit_settings import FitSettings
from trainer.freezing import freeze_all
from trainer.releases.candidate import Provenance, findings_of, make_manifest, simulated_only, some_windows
from trainer.releases.writing import write_release
from trainer.request import TrainRequest

FOLDS = 5
#: The classes of the release that ships with the project. Public recordings show cycling of one person only, which is
#: too few to measure: it is a kind of background.
CLASSES = (*defaults.CLASSES, "jog", "lie")
#: Twice as many as `har train` has. With all data sets, people who were not trained on gain by them.
EPOCHS = 40


def make_baseline(
    data: Sequence[Path],
    output: Path,
    release: str,
    request: TrainRequest,
    *,
    folds: int = FOLDS,
    replaces: bool = False,
) -> ReleaseManifest:
    """Cross-validate a request, train on everybody except the reserved test users, and write the release folder.

    Parameters
    ----------
    data : sequence of Path
        Paths or names of the data sets.
    output : Path
        Release folder to write.
    release : str
        Name of the release.
    request : TrainRequest
        What to train; `held_out_share` is ignored.
    folds : int
        Number of folds of the cross-validation by user.
    replaces : bool
        Whether an existing release folder is replaced.

    Raises
    ------
    RecordingError
        If a data set cannot be used.
    ProtocolError
        If there are too few people.
    FreezingError
        If a frozen format does not agree with the network.
    """
    evaluation_data = read_evaluation_data(data)
    request = with_chosen_outputs(request, evaluation_data)
    pools = make_pools(evaluation_data.recordings, pool_spec_of(request, evaluation_data))
    _report(
        f"fitting {request.network} to {len(pools.train)} windows of {len(set(pools.train.people.tolist()))} people"
    )
    model = fit_network(request, pools.train)
    freeze = partial(
        freeze_all,
        model,
        some_windows(pools.measured),  # the agreement of formats does not depend on who was trained on
        steps=request.windows.steps,
        rate_hz=request.windows.rate_hz,
        normalisation=request.normalisation,
        kinds=len(request.background),
    )
    freeze()  # fail before the cross-validation if the network cannot be frozen
    outcomes = join_outcomes(protocols.run(protocols.by_user(pools, folds), network_trainer(request), _report))
    scaling = scaling_of(outcomes)
    _report(f"calibrated by {scaling}")
    fold_in(model, scaling, len(request.background))
    outcomes = calibrated(outcomes, scaling)
    choice = choose_threshold(outcomes, cost=request.unknown_cost)
    frozen = freeze(thresholds=choice.thresholds)
    provenance = _provenance(request, release, data, pools.train)
    findings = findings_of(outcomes, choice, f"cross-validation in {folds} folds by user")
    manifest = make_manifest(provenance, frozen, findings)
    write_release(output, manifest, frozen, weaknesses_of(provenance.training_users), replace=replaces)
    return manifest


def _provenance(request: TrainRequest, release: str, data: Sequence[Path], trained: Examples) -> Provenance:
    return Provenance(
        request=request,
        release=release,
        training_users=sorted(set(trained.people.tolist())),
        data=provenance_of(find_source(path) for path in data),
        simulated=simulated_only(_counts(trained, request.outputs)),
    )


def _counts(examples: Examples, outputs: Sequence[str]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for person, label in zip(examples.people.tolist(), examples.labels.tolist(), strict=True):
        counts.setdefault(person, Counter())[outputs[label]] += 1
    return counts


def _report(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(prog="python -m trainer.commands.baseline", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, action="append", required=True, help="path or name of a data set; repeat for each"
    )
    parser.add_argument("--output", type=Path, default=Path("model_store/baseline"))
    parser.add_argument("--release", required=True, help="name of the release, such as baseline-2026-11-26")
    parser.add_argument(
        "--classes",
        type=lambda text: tuple(text.split(",")),
        help="classes, with commas between them; those of the shipped release if not given",
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser


def main() -> None:
    """Make the baseline from command-line options."""
    options = argument_parser().parse_args()
    request = TrainRequest(classes=options.classes or CLASSES, fit=FitSettings(epochs=EPOCHS, seed=options.seed))
    manifest = make_baseline(options.data, options.output, options.release, request, replaces=True)
    for protocol, found in manifest.metrics.items():
        print(f"{protocol}: macro-F1 {found.macro_f1:.3f}, accuracy {found.accuracy:.3f}")
    for label, rate in manifest.false_activity.items():
        print(f"{label}: called an activity in {rate:.1%} of its windows")


if __name__ == "__main__":
    main()
