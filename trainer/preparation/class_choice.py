"""Which activities of the recordings become classes: those that were asked for, or every one that suffices."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from har.activity_names import NULL_LABEL, listed
from har.background import NO_ACTIVITIES
from har.decisions import UNKNOWN
from har.recordings import RecordingError
from trainer.preparation.plan import TRAIN, VALIDATION
from trainer.preparation.shards import PreparedIndex, Shard

#: The classes of a training that asks for every activity that is recorded often enough.
EVERY_CLASS = ("all",)
#: An activity with fewer training windows is not taken, and a warning names it if it was asked for.
FEW_WINDOWS = 20

UNLABELLED = "The recordings have no labels: name the column that holds them with --label"
#: Most labels that an error names.
_MOST_NAMED = 40

#: Windows by person and label.
Windows = Mapping[str, Counter[str]]


class ClassChoice(NamedTuple):
    """Which activities become classes.

    Attributes
    ----------
    taken : tuple of str
        The classes, in alphabetical order.
    not_taken : dict of str to str
        Why the other activities are none, in words.
    """

    taken: tuple[str, ...]
    not_taken: dict[str, str]

    def required(self) -> tuple[str, ...]:
        """Return the classes.

        Raises
        ------
        RecordingError
            If there are fewer than two. The message has the reason for each other activity.
        """
        if len(self.taken) >= 2:
            return self.taken
        found = f"only {self.taken[0]} suffices" if self.taken else "none suffices"
        without = "The recordings have no other label: record another activity, too" if self.taken else UNLABELLED
        reasons = "; ".join(f"{label}: {reason}" for label, reason in self.not_taken.items())
        raise RecordingError(f"a network needs two activities to train on, but {found}. {reasons or without}")


def choose_classes(labels: Iterable[str], training: Windows, validation: Windows, *, personal: bool) -> ClassChoice:
    """Take each activity that has at least `FEW_WINDOWS` windows to train on, and one that is held out.

    Parameters
    ----------
    labels : iterable of str
        All labels of the recordings.
    training, validation : mapping of str to Counter
        Windows to train on, and windows held out, by person and label.
    personal : bool
        Whether the windows are held out in time instead of by person.
    """
    trained, held_out = (sum(windows.values(), Counter()) for windows in (training, validation))
    taken, not_taken = [], {}
    for label in sorted(set(labels) - {NULL_LABEL, UNKNOWN, "", *NO_ACTIVITIES}):
        reason = _reason(trained[label], held_out[label], personal=personal)
        if reason is None:
            taken.append(label)
        else:
            not_taken[label] = reason
    return ClassChoice(tuple(taken), not_taken)


def asks_for(outputs: Sequence[str], labels: Iterable[str]) -> Sequence[str]:
    """Return which labels of recordings a training with these classes and kinds of background may need."""
    return sorted(set(labels) - {NULL_LABEL}) if tuple(outputs)[:1] == EVERY_CLASS else outputs


def with_classes(index: PreparedIndex) -> PreparedIndex:
    """Return the index of a preparation with the classes and the kinds of background that are trained on.

    A kind that has fewer than `FEW_WINDOWS` training windows is left out.

    Raises
    ------
    RecordingError
        If there is nothing to train on, or an activity that was asked for has no training window.
    """
    if index.plan.classes != EVERY_CLASS:
        _require_classes(index)
        return _with_background(index)
    choice = choose_classes(index.rows, index.windows(TRAIN), index.windows(VALIDATION), personal=index.personal)
    plan = msgspec.structs.replace(index.plan, classes=choice.required())
    index = _with_background(msgspec.structs.replace(index, plan=plan, not_taken=choice.not_taken))
    return msgspec.structs.replace(index, shards=[_of_labels(shard, index.plan.outputs) for shard in index.shards])


def chosen_background(asked: Iterable[str], classes: Sequence[str], training: Windows) -> tuple[str, ...]:
    """Return the kinds of background that are no classes and have at least `FEW_WINDOWS` windows to train on."""
    counts = sum(training.values(), Counter())
    return tuple(kind for kind in asked if kind not in classes and counts[kind] >= FEW_WINDOWS)


def _with_background(index: PreparedIndex) -> PreparedIndex:
    kinds = chosen_background(index.plan.background, index.plan.classes, index.windows(TRAIN))
    return msgspec.structs.replace(index, plan=msgspec.structs.replace(index.plan, background=kinds))


def _of_labels(shard: Shard, outputs: Sequence[str]) -> Shard:
    """Return a shard that counts the windows of these labels only, if it is of the training split."""
    if shard.split != TRAIN:
        return shard
    counted = {
        person: {label: count for label, count in labels.items() if label in outputs}
        for person, labels in shard.windows.items()
    }
    return msgspec.structs.replace(shard, windows={person: labels for person, labels in counted.items() if labels})


def _require_classes(index: PreparedIndex) -> None:
    shown = {label for labels in index.windows(TRAIN).values() for label in labels}
    missing = [name for name in index.plan.classes if name not in shown]
    if not missing:
        return
    length = index.plan.training_windows.length_us / 1e6
    unknown = [name for name in missing if name not in index.rows]
    raise RecordingError(
        f"{'' if shown else 'nothing to train on: '}no training window of {length:g} s is labelled "
        f"{', '.join(missing)} in {', '.join(index.sources)}"
        + (f". {_labels(index, unknown)}" if unknown else ": record more of it, or leave it out of --classes")
        + _left_out(index)
    )


def _labels(index: PreparedIndex, unknown: Sequence[str]) -> str:
    """Return the activities of the recordings, and how to train on them, in sentences."""
    labels = [label for label, _ in Counter(index.rows).most_common() if label != NULL_LABEL]
    if not labels:
        return UNLABELLED
    similar = {name: difflib.get_close_matches(name, labels, 1) for name in unknown}
    meant = [f"{name} may mean {found[0]}" for name, found in similar.items() if found]
    hint = f" ({', '.join(meant)})" if meant else ""
    return (
        f"The recordings are labelled {listed(labels, _MOST_NAMED)}{hint}. State "
        f"which of them to train on, such as --classes {','.join(labels[:2])}, or --classes all for every one that is "
        "recorded often enough"
    )


def _left_out(index: PreparedIndex) -> str:
    reasons = index.unclassified_text()
    return (
        f". Windows are left out because their readings tell too little (--signal-bounds): {reasons}" if reasons else ""
    )


def _reason(trained: int, held_out: int, *, personal: bool) -> str | None:
    if trained < FEW_WINDOWS:
        found = f"{trained} training windows" if trained else "no training window"
        return f"{found}, but {FEW_WINDOWS} are needed: record more of it"
    if not held_out:
        return (
            "no window is held out: record it for longer, or hold out a larger share (--held-out-share)"
            if personal
            else "nobody who is held out shows it: record it with more people"
        )
    return None
