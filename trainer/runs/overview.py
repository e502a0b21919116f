"""What a preparation holds, for the person who trains: the classes, the people, and who or what is held out."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from rich.cells import cell_len

from har.activity_names import listed
from trainer.preparation.plan import FEWEST_PEOPLE, TRAIN, VALIDATION
from trainer.preparation.shards import PreparedIndex

#: With more people, only their number is told.
MOST_PEOPLE = 12

Windows = Mapping[str, Counter[str]]


def overview(index: PreparedIndex) -> list[str]:
    """Return the lines: windows of each class and person, why activities are no classes, and what is held out."""
    trained, held_out = index.windows(TRAIN), index.windows(VALIDATION)
    return [
        *_table(_classes(index.plan.classes, trained, held_out)),
        *_people(index.plan.classes, trained, held_out),
        *(f"not a class: {label} ({reason})" for label, reason in index.not_taken.items()),
        _held_out(index, trained, held_out),
    ]


def _classes(classes: Sequence[str], trained: Windows, held_out: Windows) -> Iterator[Sequence[str]]:
    yield "class", "training windows", "people", "held-out windows", "people"
    for name in classes:
        cells = [name]
        for windows in (trained, held_out):
            counts = [labels[name] for labels in windows.values() if labels[name]]
            cells += [f"{sum(counts):,}", str(len(counts))]
        yield cells


def _people(classes: Sequence[str], trained: Windows, held_out: Windows) -> Iterator[str]:
    people = sorted({*trained, *held_out})
    if len(people) > MOST_PEOPLE:
        return
    rows: list[Sequence[str]] = [("person", "training windows", "held-out windows", "without")]
    for person in people:
        shown = [windows.get(person, Counter()) for windows in (trained, held_out)]
        totals = [f"{sum(labels[name] for name in classes):,}" for labels in shown]
        absent = [name for name in classes if not any(labels[name] for labels in shown)]
        rows.append((person, *totals, ", ".join(absent)))
    yield from _table(rows, texts=(0, 3))


def _held_out(index: PreparedIndex, trained: Windows, held_out: Windows) -> str:
    if not index.personal:
        people = len({*trained, *held_out})
        return f"held out: {len(held_out)} of {people} people: {listed(held_out)}"
    wearers = len({index.wearers.get(person, person) for person in trained})
    too_few = "1 person is" if wearers == 1 else f"{wearers} people are"
    return (
        f"held out: the last {index.plan.held_out_share:.0%} of each activity of each recording. {too_few} too few to "
        f"hold anybody out: that needs {FEWEST_PEOPLE}. The release is personal"
    )


def _table(rows: Iterable[Sequence[str]], texts: Collection[int] = (0,)) -> Iterator[str]:
    """Return rows as lines with aligned columns; columns of texts are aligned to the left, all others to the right."""
    found = list(rows)
    widths = [max(map(cell_len, column)) for column in zip(*found, strict=True)]
    for row in found:
        cells = []
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - cell_len(cell))
            cells.append(cell + space if place in texts else space + cell)
        yield ("  " + "  ".join(cells)).rstrip()
