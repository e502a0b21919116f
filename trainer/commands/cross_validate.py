"""`har cross-validate`: measure how well training generalises to people that were not trained on."""

import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from har.recordings import RecordingError
from recording_files.checking import status_of
from trainer.evaluation import left_out, protocols
from trainer.evaluation.altered_recordings import read_at, turned
from trainer.evaluation.outcomes import Classify, Outcomes
from trainer.evaluation.pools import PoolSpec, make_pools
from trainer.evaluation.protocol_results import ProtocolResult, describe, describe_seeds, evaluate_protocol
from trainer.evaluation.protocols import Protocol, ProtocolError, Train
from trainer.evaluation.recordings_to_test import EvaluationData, read_evaluation_data
from trainer.evaluation.report import ReportError, Section, check_writable, write_report
from trainer.fitting.examples import Examples
from trainer.fitting.fit import Model, fit
from trainer.fitting.fit_settings import FitSettings
from trainer.fitting.networks import UnknownNetworkError, require_network
from trainer.preparation.class_choice import EVERY_CLASS, choose_classes
from trainer.preparation.pieces import cut_pieces
from trainer.preparation.plan import FEWEST_PEOPLE, is_personal
from trainer.releases.candidate import classifier
from trainer.request import TrainRequest
from trainer.settings import CrossValidateSettings
from trainer.signal_bounds import bounds_of

#: Readings a second of the protocol ``rate``: phones of WISDM, and the slowest that browsers give.
RATES_HZ = (20, 30)


def pool_spec_of(request: TrainRequest, evaluation_data: EvaluationData) -> PoolSpec:
    """Return which windows of the data a request trains on and measures."""
    return PoolSpec(
        classes=request.classes,
        background=request.background,
        training_windows=request.training_windows,
        windows=request.windows,
        wearers=evaluation_data.wearers,
        signal_bounds=request.signal_bounds,
    )


def with_chosen_outputs(request: TrainRequest, evaluation_data: EvaluationData) -> TrainRequest:
    """Return a request with the kinds of background of the recordings, and their classes if it asks for every activity.

    Raises
    ------
    RecordingError
        If fewer than two activities have enough windows.
    """
    shown = {str(label) for recording in evaluation_data.recordings for label in np.unique(recording.labels)}
    kinds = tuple(kind for kind in request.background if kind in shown)
    if request.classes != EVERY_CLASS:
        kinds = tuple(kind for kind in kinds if kind not in request.classes)
        return msgspec.structs.replace(request, background=kinds)
    windows: dict[str, Counter[str]] = {}
    for recording in evaluation_data.recordings:
        counts = windows.setdefault(recording.person, Counter())
        for piece in cut_pieces(recording, request.training_windows, None, request.signal_bounds):
            counts[piece.label] += 0 if piece.reason else piece.windows
    labels = {label for counts in windows.values() for label in counts}
    choice = choose_classes(labels, windows, windows, personal=False)
    for label, reason in choice.not_taken.items():
        _report(f"not a class: {label} ({reason})")
    classes = choice.required()
    return msgspec.structs.replace(
        request, classes=classes, background=tuple(kind for kind in kinds if kind not in classes)
    )


def make_protocols(
    evaluation_data: EvaluationData, request: TrainRequest, settings: CrossValidateSettings, seed: int
) -> list[Protocol]:
    """Build the protocols of the settings. With too few people, a split in time replaces folds by user.

    Raises
    ------
    ProtocolError
        If the recordings do not allow one of them.
    """
    chosen = list(dict.fromkeys(settings.protocol))
    if is_personal(evaluation_data.wearers) and "users" in chosen:
        _report(f"fewer than {FEWEST_PEOPLE} people: split their recordings in time instead of by user")
        chosen = list(dict.fromkeys("time" if name == "users" else name for name in chosen))
    pool_spec = pool_spec_of(request, evaluation_data)
    recordings, tested = evaluation_data.recordings, evaluation_data.tested
    pools = make_pools(recordings, pool_spec)
    tested_recordings = [recording for recording in recordings if recording.person in tested]
    altered = partial(
        protocols.by_user_altered,
        pools,
        pool_spec=pool_spec,
        count=settings.folds,
        tested=tested,
        seed=seed,
    )
    build: dict[str, Callable[[], list[Protocol]]] = {
        "users": lambda: [protocols.by_user(pools, settings.folds, tested=tested, seed=seed)],
        "leave-one-user-out": lambda: [protocols.leave_one_user_out(pools, tested=tested)],
        "leave-one-model-out": lambda: [left_out.leave_one_model_out(pools, tested=tested)],
        "data-set-left-out": lambda: [left_out.data_set_left_out(pools, tested=tested)],
        "placement": lambda: [left_out.placement_left_out(pools, tested=tested)],
        "rate": lambda: [
            altered([read_at(recording, rate) for recording in recordings], f"{rate} readings a second")
            for rate in RATES_HZ
        ],
        "orientation": lambda: [altered(turned(recordings, seed), "turned at random")],
        "leaky": lambda: [protocols.leaky(pools, tested=tested, seed=seed)],
        "time": lambda: [protocols.blocked_in_time(tested_recordings, pool_spec)],
    }
    return [protocol for name in chosen for protocol in build[name]()]


def network_trainer(request: TrainRequest) -> Train:
    """Return a function that fits the request's network to training windows, m/s², and returns a classifier.

    Protocols that differ only in what they test have the same training windows; a network is fitted to them once.
    """
    fitted: dict[bytes, Classify] = {}

    def train(examples: Examples) -> Classify:
        trained_on = _identity(examples)
        if trained_on not in fitted:
            fitted[trained_on] = classifier(fit_network(request, examples), request.normalisation)
        return fitted[trained_on]

    return train


def fit_network(request: TrainRequest, examples: Examples) -> Model:
    """Fit the request's network to training windows, m/s²."""
    return fit(
        request.network,
        examples,
        request.outputs,
        steps=request.windows.steps,
        normalisation=request.normalisation,
        settings=request.fit,
        background=request.background,
    )


def _identity(examples: Examples) -> bytes:
    """Return a digest that is the same for the same windows only."""
    digest = hashlib.sha256()
    for column in (examples.people, examples.sessions, examples.starts, examples.labels):
        digest.update(column.tobytes())
    return digest.digest()


def run(settings: CrossValidateSettings) -> int:
    """Cross-validate by the settings; return the exit status."""
    fitting = FitSettings(
        epochs=settings.epochs,
        windows_per_epoch=settings.windows_per_epoch,
        seed=settings.seed,
        threads=settings.threads,
    )
    request = TrainRequest(
        network=settings.network,
        classes=tuple(settings.classes),
        background=tuple(settings.background),
        signal_bounds=bounds_of(settings.signal_bounds),
        fit=fitting,
    )
    try:
        if settings.output is not None:
            check_writable(settings.output)
        require_network(request.network)
        evaluation_data = read_evaluation_data(
            settings.stated_data(),
            placement=settings.placement,
            devices=settings.devices,
            inspection=request.inspection(force=settings.force, quiet=settings.quiet),
        )
        if evaluation_data.reserved:
            _report(f"excluded the reserved test users {', '.join(evaluation_data.reserved)}")
        request = with_chosen_outputs(request, evaluation_data)
        found: list[tuple[ProtocolResult, Outcomes]] = []
        for seed in range(settings.seed, settings.seed + settings.seeds):
            for result, outcomes in _with_seed(evaluation_data, request, settings, seed):
                found.append((result, outcomes))
                _show(result, settings)
        if settings.output is not None:
            _write_report(settings.output, found, evaluation_data, request)
    except (RecordingError, ProtocolError, UnknownNetworkError, ReportError) as error:
        print(f"har cross-validate: {error}", file=sys.stderr)
        return status_of(error)
    results = [result for result, _ in found]
    if settings.json_output:
        print(msgspec.json.format(msgspec.json.encode(results), indent=2).decode())
    elif over_seeds := describe_seeds(results):
        print(over_seeds)
    return 0


def _show(result: ProtocolResult, settings: CrossValidateSettings) -> None:
    """Show a result as soon as it is there: the next one may take hours."""
    if not settings.json_output:
        print(describe(result), end="\n\n", flush=True)
        return
    scores = result.scores
    _report(f"{result.protocol}, seed {result.seed}: macro-F1 {scores.macro_f1:.3f}, accuracy {scores.accuracy:.3f}")


def _with_seed(
    evaluation_data: EvaluationData, request: TrainRequest, settings: CrossValidateSettings, seed: int
) -> Iterator[tuple[ProtocolResult, Outcomes]]:
    train = network_trainer(msgspec.structs.replace(request, fit=replace(request.fit, seed=seed)))
    for protocol in make_protocols(evaluation_data, request, settings, seed):
        yield evaluate_protocol(protocol, train, settings.unknown_cost, seed=seed, report=_report)


def _write_report(
    path: Path, found: Sequence[tuple[ProtocolResult, Outcomes]], evaluation_data: EvaluationData, request: TrainRequest
) -> None:
    sections = [
        Section(f"{result.protocol}, seed {result.seed}", outcomes, warning=result.warning, choice=result.threshold)
        for result, outcomes in found
    ]
    facts = {
        "network": request.network,
        "epochs": str(request.fit.epochs),
        "people": str(len({recording.person for recording in evaluation_data.recordings})),
        "reserved test users": f"{len(evaluation_data.reserved)} excluded",
    }
    write_report(path, f"Cross-validation of {request.network}", sections, facts)


def _report(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
