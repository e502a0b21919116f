"""`har cross-validate`: measure how well training generalises to people that were not trained on."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from har.recordings import Recording, RecordingError, device_of
from recording_files.checking import Inspection, status_of
from recording_files.data_sets import placement_of
from recording_files.loading import load_recordings, reject_repeated_recordings
from trainer.evaluation import protocols
from trainer.evaluation.outcomes import Classify, Outcomes
from trainer.evaluation.pools import PoolSpec, make_pools
from trainer.evaluation.protocols import Protocol, ProtocolError, Train
from trainer.evaluation.report import ReportError, Section, check_writable, write_report
from trainer.evaluation.scores import EvaluationScores, measure
from trainer.evaluation.tables import scores_table
from trainer.evaluation.unknown import ThresholdChoice, ThresholdError, choose_threshold
from trainer.fitting.examples import Examples
from trainer.fitting.fit import fit
from trainer.fitting.fit_settings import FitSettings
from trainer.fitting.networks import UnknownNetworkError, require_network
from trainer.preparation.class_choice import EVERY_CLASS, choose_classes
from trainer.preparation.pieces import cut_pieces
from trainer.preparation.plan import FEWEST_PEOPLE, TEST, is_personal, split_of_people
from trainer.preparation.wearers import Wearers, wearers_of
from trainer.releases.candidate import classifier
from trainer.request import TrainRequest
from trainer.settings import CrossValidateSettings
from trainer.signal_bounds import bounds_of


class ProtocolResult(msgspec.Struct, frozen=True):
    """Result of one protocol.

    Attributes
    ----------
    protocol : str
        Name of the protocol.
    warning : str
        Why the figures do not hold for unseen people; empty if they do.
    scores : EvaluationScores
        Scores over all folds, without a threshold for unknown; in JSON ``measures``.
    threshold : ThresholdChoice or None
        Threshold for unknown that these predictions would choose; None if `warning` is set or no prediction is correct.
    no_threshold : str
        Why predictions on unseen people choose no threshold; empty if they do.
    """

    protocol: str
    warning: str
    scores: EvaluationScores = msgspec.field(name="measures")
    threshold: ThresholdChoice | None
    no_threshold: str = ""


@dataclass(frozen=True)
class EvaluationData:
    """Recordings that a protocol may use, and their wearers.

    Attributes
    ----------
    recordings : list of Recording
        All recordings except those of reserved test users.
    wearers : dict of str to str
        Wearer of each person (``device/user``).
    tested : list of str
        Persons that may be tested.
    reserved : list of str
        Reserved test users in the data, who are excluded.
    """

    recordings: list[Recording]
    wearers: Wearers
    tested: list[str]
    reserved: list[str]


def read_evaluation_data(
    data: Sequence[Path | str],
    *,
    placement: str | None = None,
    devices: str | None = None,
    inspection: Inspection | None = None,
) -> EvaluationData:
    """Read recordings, and exclude the reserved test users.

    Raises
    ------
    RecordingError
        If a data set cannot be read, or nobody is left to test.
    """
    sources = [load_recordings([path], inspection) for path in data]
    reject_repeated_recordings(zip(data, sources, strict=True))
    wearers = wearers_of([[recording.person for recording in recordings] for recordings in sources])
    splits = split_of_people(wearers, 0.0)
    people = [person for person, split in splits.items() if split != TEST]
    named = None if devices is None else {name.strip() for name in devices.split(",")}
    tested = [
        person
        for person in people
        if placement in (None, placement_of(person)) and (named is None or device_of(person) in named)
    ]
    if not tested:
        available = (
            ", ".join(sorted({f"{placement_of(person)} ({device_of(person)})" for person in people})) or "nobody"
        )
        raise RecordingError(f"nobody to test with that placement or device; available: {available}")
    return EvaluationData(
        [recording for recordings in sources for recording in recordings if splits[recording.person] != TEST],
        wearers,
        tested,
        sorted(set(splits) - set(people)),
    )


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


def with_chosen_classes(request: TrainRequest, evaluation_data: EvaluationData) -> TrainRequest:
    """Return a request with the classes of the recordings, if it asks for every activity.

    Raises
    ------
    RecordingError
        If fewer than two activities have enough windows.
    """
    if request.classes != EVERY_CLASS:
        return request
    windows: dict[str, Counter[str]] = {}
    for recording in evaluation_data.recordings:
        counts = windows.setdefault(recording.person, Counter())
        for piece in cut_pieces(recording, request.training_windows, None, request.signal_bounds):
            counts[piece.label] += 0 if piece.reason else piece.windows
    labels = {label for counts in windows.values() for label in counts}
    choice = choose_classes(labels, windows, windows, personal=False)
    for label, reason in choice.not_taken.items():
        _report(f"not a class: {label} ({reason})")
    return msgspec.structs.replace(request, classes=choice.required())


def make_protocols(
    evaluation_data: EvaluationData, request: TrainRequest, settings: CrossValidateSettings
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
    pools = make_pools(evaluation_data.recordings, pool_spec)
    tested = evaluation_data.tested
    tested_recordings = [recording for recording in evaluation_data.recordings if recording.person in tested]
    build: dict[str, Callable[[], Protocol]] = {
        "users": lambda: protocols.by_user(pools, settings.folds, tested=tested, seed=settings.seed),
        "leave-one-user-out": lambda: protocols.leave_one_user_out(pools, tested=tested),
        "leave-one-model-out": lambda: protocols.leave_one_model_out(pools, tested=tested),
        "leaky": lambda: protocols.leaky(pools, tested=tested, seed=settings.seed),
        "time": lambda: protocols.blocked_in_time(tested_recordings, pool_spec),
    }
    return [build[name]() for name in chosen]


def evaluate_protocol(protocol: Protocol, train: Train, cost: float) -> tuple[ProtocolResult, Outcomes]:
    """Run a protocol and measure its predictions; choose a threshold only if the tested people were unseen."""
    outcomes = protocols.run(protocol, train, _report)
    choice, no_threshold = None, ""
    if not protocol.warning:
        try:
            choice = choose_threshold(outcomes, cost=cost)
        except ThresholdError as error:
            # Training took long: report the figures even if no prediction is correct.
            no_threshold = str(error)
    return ProtocolResult(protocol.name, protocol.warning, measure(outcomes), choice, no_threshold), outcomes


def network_trainer(request: TrainRequest) -> Train:
    """Return a function that fits the request's network to training windows, m/s², and returns a classifier."""

    def train(examples: Examples) -> Classify:
        model = fit(
            request.network,
            examples,
            request.outputs,
            steps=request.windows.steps,
            normalisation=request.normalisation,
            settings=request.fit,
            background=request.background,
        )
        return classifier(model, request.normalisation)

    return train


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
        request = with_chosen_classes(request, evaluation_data)
        chosen = make_protocols(evaluation_data, request, settings)
        found = [evaluate_protocol(protocol, network_trainer(request), settings.unknown_cost) for protocol in chosen]
        if settings.output is not None:
            _write_report(settings.output, found, evaluation_data, request)
    except (RecordingError, ProtocolError, UnknownNetworkError, ReportError) as error:
        print(f"har cross-validate: {error}", file=sys.stderr)
        return status_of(error)
    results = [result for result, _ in found]
    if settings.json_output:
        print(msgspec.json.format(msgspec.json.encode(results), indent=2).decode())
    else:
        print("\n\n".join(map(describe, results)))
    return 0


def describe(result: ProtocolResult) -> str:
    """Return a protocol's result as text for a terminal."""
    lines = [f"{result.protocol}: {scores_table(result.scores)}"]
    if result.threshold is not None:
        chosen = result.threshold
        lines.append(
            f"a threshold of {chosen.threshold:g} would turn {chosen.after.known_predicted_unknown:.1%} of the windows "
            f"of the classes into unknown (accuracy {chosen.accuracy_before:.3f} to {chosen.accuracy_after:.3f})"
        )
        if chosen.after.false_activity_rate is not None:
            lines[-1] += f" and lower the false-activity rate to {chosen.after.false_activity_rate:.1%}"
    if result.no_threshold:
        lines.append(f"no threshold: {result.no_threshold}")
    if result.warning:
        lines.insert(0, f"WARNING: not a figure for unseen people. {result.warning}")
    return "\n".join(lines)


def _write_report(
    path: Path, found: Sequence[tuple[ProtocolResult, Outcomes]], evaluation_data: EvaluationData, request: TrainRequest
) -> None:
    sections = [
        Section(result.protocol, outcomes, warning=result.warning, choice=result.threshold)
        for result, outcomes in found
    ]
    facts = {
        "network": request.network,
        "epochs": str(request.fit.epochs),
        "seed": str(request.fit.seed),
        "people": str(len({recording.person for recording in evaluation_data.recordings})),
        "reserved test users": f"{len(evaluation_data.reserved)} excluded",
    }
    write_report(path, f"Cross-validation of {request.network}", sections, facts)


def _report(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
