"""Measure what the upright reference (`har.upright`) changes on recordings, and how it notices that a phone was moved.

    python -m benchmarks.upright_reference --data hapt.parquet --joined pocket.parquet [--folds 5] [--fit] [--moved 5]

For each data set it prints the macro-F1 of the classes by the network alone and with the reference, and how well the
lean tells sitting from standing (AUC). Reserved test users are left out. Windows outside the signal bounds are kept.

Many recordings begin with postures, before there can be a reference. So a recording begins at its first window of
walking here, and what was before follows its last labelled window: the wearer walks first. The recordings of a
person of a `--joined` data set are joined instead, walking first, as if the phone had not been moved between them.

With `--folds` a network classifies people that it was not trained on (it needs TensorFlow, and minutes); it may be
trained on the people of `--also`, too. Otherwise the shipped release does, which was trained on some people. `--fit`
chooses the curves by all other people. With `--moved` two recordings of a person are joined, the second one turned at
random that many times.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, product
from math import cos, radians
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.recorded_sessions import (
    Classify,
    Session,
    folds_of,
    joined,
    of_classes,
    sessions_of,
    walking_first,
)
from har.recordings import Recording
from har.scoring import confusion_matrix, scores
from har.upright import NO_REFERENCE, UprightRule, gravity_of, judge
from model_store.onnx_classifier import OnnxClassifier
from recording_files.loading import load_recordings
from trainer import defaults
from trainer.commands.baseline import CLASSES
from trainer.splits import RESERVED_TEST_USERS

#: The curves among which `--fit` chooses: leans in degrees, and the smallest factor.
LOW, HIGH, LEAST = (4, 6, 8, 10), (12, 14, 16, 20, 30), (0.05, 0.1, 0.2)

Floats = NDArray[np.float64]


def used(session: Session, rule: UprightRule) -> tuple[Floats, Floats]:
    """Return the probabilities with the reference, and the lean's cosine, NaN without a reference."""
    answers, cosines, state = [], [], NO_REFERENCE
    rows = zip(session.values, session.starts.tolist(), session.probabilities.tolist(), strict=True)
    for window, start, row in rows:
        given = dict(zip(CLASSES, row, strict=True))
        answer, cosine, state = judge(state, rule, gravity_of(window), start, given)
        answers.append(list(answer.values()))
        cosines.append(np.nan if cosine is None else cosine)
    return np.array(answers), np.array(cosines)


def macro_f1(truth: NDArray[np.int64], probabilities: NDArray[np.floating], classes: int = len(CLASSES)) -> float:
    """Return the macro-F1 of the windows of the first classes, with the most probable class and no threshold."""
    shown = (truth >= 0) & (truth < classes)
    confusion = confusion_matrix(truth[shown], probabilities[shown].argmax(axis=1), len(CLASSES))
    return scores(confusion, CLASSES).macro_f1


def auc(higher: Floats, lower: Floats) -> float:
    """Return the chance that a value of the first is above one of the second; ties count half."""
    ordered = np.sort(lower)
    below, up_to = (np.searchsorted(ordered, higher, side=side) for side in ("left", "right"))
    return float((below + up_to).mean()) / 2 / len(lower)


def by_person(sessions: Sequence[Session], answers: Sequence[NDArray[np.floating]]) -> dict[str, float]:
    """Return the macro-F1 of each person."""
    people: dict[str, list[int]] = {}
    for number, session in enumerate(sessions):
        if (session.truth >= 0).any():
            people.setdefault(session.person, []).append(number)
    return {
        person: macro_f1(np.concatenate([sessions[n].truth for n in of]), np.concatenate([answers[n] for n in of]))
        for person, of in people.items()
    }


def report(name: str, sessions: Sequence[Session], answers: Sequence[tuple[Floats, Floats]]) -> None:
    """Print the scores of one data set."""
    truth = np.concatenate([session.truth for session in sessions])
    alone = np.concatenate([session.probabilities for session in sessions])
    weighed, cosines = (np.concatenate(each) for each in zip(*answers, strict=True))
    known = ~np.isnan(cosines[truth >= 0])
    print(f"\n{name}: {(truth >= 0).sum():,} windows, {known.mean():.0%} of them with a reference")
    print(f"  macro-F1 alone {macro_f1(truth, alone):.4f}, with the reference {macro_f1(truth, weighed):.4f}")
    five = [macro_f1(truth, each, len(defaults.CLASSES)) for each in (alone, weighed)]
    print(f"  of {', '.join(defaults.CLASSES)}: alone {five[0]:.4f}, with the reference {five[1]:.4f}")
    people = [by_person(sessions, each) for each in ([s.probabilities for s in sessions], [a for a, _ in answers])]
    for title, found in zip(("alone", "with it"), people, strict=True):
        low, middle, high = np.percentile(list(found.values()), (10, 50, 90))
        worst = min(found, key=lambda person: found[person])
        print(f"  by person, {title}: {low:.3f}, {middle:.3f}, {high:.3f} (10, 50, 90 %)", end="; ")
        print(f"least {worst} {found[worst]:.3f}")
    changes = {person: people[1][person] - before for person, before in people[0].items()}
    worst = min(changes, key=lambda person: changes[person])
    print(f"  better {sum(c > 0.005 for c in changes.values())}, worse {sum(c < -0.005 for c in changes.values())} of "
          f"{len(changes)} people; largest loss {worst} {changes[worst]:+.3f}")  # fmt: skip
    leans = [(-c[(s.labels == "sit") & ~np.isnan(c)], -c[(s.labels == "stand") & ~np.isnan(c)])
             for s, (_, c) in zip(sessions, answers, strict=True)]  # fmt: skip
    found_aucs = [auc(sit, stand) for sit, stand in leans if len(sit) and len(stand)]
    if found_aucs:
        share = np.mean(np.array(found_aucs) >= 0.9)
        print(f"  AUC of the lean, sit/stand, {len(found_aucs)} sessions: median {np.median(found_aucs):.3f}, least "
              f"{min(found_aucs):.3f}, {share:.0%} at least 0.9")  # fmt: skip
    hours = sum(len(session.starts) for session in sessions) / 3_600
    lost = sum(int((~np.isnan(c[:-1]) & np.isnan(c[1:])).sum()) for _, c in answers)
    print(f"  reference suspended or forgotten {lost} times in {hours:.1f} h")


def rule_with(low: float, high: float, least: float) -> UprightRule:
    """Return the rule whose curves change between two leans, degrees, and have this smallest factor."""
    left, right = cos(radians(high)), cos(radians(low))
    stand = ((0.5, min(least, 0.02)), (0.7071, least), (left, least), (right, 1.0))
    return UprightRule(sit=((left, 1.0), (right, least)), stand=stand)


def fit(data: dict[str, list[Session]]) -> None:
    """Choose the curves for each person by the log loss over all other people, each data set counting the same."""
    choices = list(product(LOW, HIGH, LEAST))
    answers = {
        choice: {name: [used(each, rule_with(*choice))[0] for each in of] for name, of in data.items()}
        for choice in choices
    }
    for name, sessions in data.items():
        held_out: list[Floats] = []
        chosen: dict[tuple[float, ...], int] = {}
        for number, session in enumerate(sessions):
            best = min(choices, key=lambda choice, of=session.person: loss(data, answers[choice], of))  # type: ignore[misc]
            chosen[best] = chosen.get(best, 0) + 1
            held_out.append(answers[best][name][number])
        score = macro_f1(np.concatenate([each.truth for each in sessions]), np.concatenate(held_out))
        print(f"\n{name}, curves chosen by the other people: macro-F1 {score:.4f}; chosen (low, high, least): {chosen}")


def loss(data: dict[str, list[Session]], answers: dict[str, list[Floats]], without: str) -> float:
    """Return the mean log loss of the data sets, without one person."""
    losses = []
    for name, sessions in data.items():
        kept = [
            (each.truth, found) for each, found in zip(sessions, answers[name], strict=True) if each.person != without
        ]
        truth, found = np.concatenate([t for t, _ in kept]), np.concatenate([f for _, f in kept])
        shown = truth >= 0
        losses.append(-np.log(np.maximum(found[shown, truth[shown]], 1e-6)).mean())
    return float(np.mean(losses))


def random_turn(random: np.random.Generator) -> Floats:
    """Return a rotation matrix, uniform over all rotations."""
    turn, triangle = np.linalg.qr(random.normal(size=(3, 3)))
    turn = turn * np.sign(np.diag(triangle))
    return np.asarray(turn * np.sign(np.linalg.det(turn)))


def moved(sessions: Sequence[Session], classify: Classify, turns: int) -> None:
    """Print what a phone that was moved between two recordings does to the sitting and standing in the second one."""
    people: dict[str, list[Session]] = {}
    for session in sessions:
        people.setdefault(session.person, []).append(session)
    pairs = [pair for of in people.values() for pair in (pairwise(of) if len(of) > 1 else [(of[0], of[0])])]
    rule = UprightRule()
    blind = msgspec.structs.replace(rule, on_foot_below=-1.0, any_below=-1.0, doubted_after=rule.needed)
    for order, arrange in (("postures first", lambda session: session), ("walking first", walking_first)):
        random, rows = np.random.default_rng(0), []
        for before, after in pairs:
            for _ in range(turns):
                values = (after.values @ random_turn(random)).astype(np.float32)
                second = arrange(replace(after, values=values, probabilities=of_classes(classify, values)))
                first = walking_first(before)
                rows.append([harm(first, second, blind), harm(first, second, rule), harm(None, second, rule)])
        found = np.array(rows, float)
        windows = found[:, 0, 3].mean()
        print(f"\n  moved {len(rows)} times, then {order}; {windows:.0f} windows of sitting or standing, of which:")
        for title, column in zip(("replaced only", "by the rule", "told of it"), found.transpose(1, 0, 2), strict=True):
            print(f"    {title}: right alone but not with it {column[:, 0].mean():.1f} (90 %: "
                  f"{np.percentile(column[:, 0], 90):.0f}), the reverse {column[:, 1].mean():.1f}; old reference "
                  f"used for {np.median(column[:, 2]):.0f} windows (median)")  # fmt: skip


def harm(before: Session | None, second: Session, rule: UprightRule) -> tuple[int, int, int, int]:
    """Return what the reference spoils and repairs in the second session, how long an old one is used, and windows."""
    both = second if before is None else joined([before, second])
    weighed, cosines = (each[-len(second.starts) :] for each in used(both, rule))
    rows = (second.truth == 0) | (second.truth == 1)
    alone, with_it = second.probabilities.argmax(axis=1) == second.truth, weighed.argmax(axis=1) == second.truth
    unused = np.flatnonzero(np.isnan(cosines))
    stale = int(unused[0]) if len(unused) else len(cosines)
    return int((rows & alone & ~with_it).sum()), int((rows & ~alone & with_it).sum()), stale, int(rows.sum())


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", default=[], help="a data set, as of har evaluate")
    parser.add_argument("--joined", type=Path, action="append", default=[], help="the same, joined by person")
    parser.add_argument("--folds", type=int, default=0, help="train this many networks, each without some people")
    parser.add_argument("--also", type=Path, action="append", default=[], help="a data set to train on only")
    parser.add_argument("--epochs", type=int, default=20, help="epochs of each training")
    parser.add_argument("--fit", action="store_true", help="also choose the curves by the other people")
    parser.add_argument("--moved", type=int, default=0, help="also turn the phone at random this many times")
    return parser


def not_reserved(path: Path) -> list[Recording]:
    """Return the recordings of a data set without those of reserved test users."""
    return [each for each in load_recordings([path]) if each.person not in RESERVED_TEST_USERS]


def main() -> None:
    """Print the measurements."""
    parser = argument_parser()
    given = parser.parse_args()
    if not given.data + given.joined:
        parser.error("state --data or --joined")
    sets = {path: not_reserved(path) for path in given.data + given.joined}
    everyone = [recording for recordings in sets.values() for recording in recordings]
    others = [recording for path in given.also for recording in not_reserved(path)]
    shipped = OnnxClassifier.open("baseline")
    networks = folds_of(everyone + others, given.folds, given.epochs) if given.folds else {}
    by_shipped: dict[str, Classify] = dict.fromkeys({each.person for each in everyone}, shipped.probabilities)
    data: dict[str, list[Session]] = {}
    for path, recordings in sets.items():
        is_joined = path in given.joined
        recorded = sessions_of(recordings, by_shipped | networks, by_person=is_joined)
        sessions = recorded if is_joined else [walking_first(session) for session in recorded]
        data[path.name] = sessions
        report(path.name, sessions, [used(session, UprightRule()) for session in sessions])
        if given.moved:
            moved(recorded, shipped.probabilities, given.moved)
    if given.fit:
        fit(data)


if __name__ == "__main__":
    main()
