"""How far figures on few held-out windows can be trusted, in sentences."""

from collections import Counter
from collections.abc import Iterable

from har.activity_names import listed
from har.releases import Scores
from har.windowing import WindowSpec

#: A class is named if its share of correct predictions may be below this although none was wrong.
DOUBTFUL = 0.9
#: With fewer held-out people, the figures of a new person may be quite different.
FEW_PEOPLE = 5
FEWEST_TO_LEAVE_ONE_OUT = 2
#: Square of the 97.5 % quantile of the normal distribution.
_Z_SQUARED = 3.84
_MOST_NAMED = 12


def least_share(windows: int, spec: WindowSpec) -> float:
    """Return how low the share of correct predictions may be although all of some windows were predicted correctly.

    The windows overlap, so as many as fit beside each other count. Of these, the lower end of the 95 % interval of
    E. B. Wilson ("Probable inference, the law of succession, and statistical inference", 1927). The windows of one
    person on one occasion are alike, too, so it is optimistic.

    Examples
    --------
    >>> round(least_share(9, WindowSpec()), 2), round(least_share(400, WindowSpec()), 2)
    (0.37, 0.96)
    """
    separate = windows * min(1.0, spec.hop_us / spec.length_us)
    return separate / (separate + _Z_SQUARED)


def few_windows(metrics: Iterable[Scores], spec: WindowSpec) -> str | None:
    """Return a sentence about the classes that few windows tested; None if there is no such class."""
    tested: Counter[str] = Counter()
    for scores in metrics:
        tested.update({name: score.windows for name, score in scores.per_class.items()})
    few = {name: least_share(count, spec) for name, count in tested.items() if least_share(count, spec) < DOUBTFUL}
    if not few:
        return None
    named = listed((f"{name} {share:.0%} ({tested[name]} windows)" for name, share in few.items()), _MOST_NAMED)
    return (
        "Few windows were tested, and they overlap. Even if none of their predictions is wrong, in truth as few as "
        f"this share may be right: {named}"
    )


def unseen_people(people: int, *, personal: bool) -> str | None:
    """Return a sentence about what figures tell about people that the network has not seen; None if they tell enough.

    Parameters
    ----------
    people : int
        Number of held-out wearers, or of those who were trained on if nobody is held out.
    personal : bool
        Whether nobody is held out.
    """
    if personal:
        text = (
            "The figures are of the people that the network was trained on, in the same recordings. They tell nothing "
            "about other people, other days or another way to carry the phone"
        )
        if people < FEWEST_TO_LEAVE_ONE_OUT:
            return text
        return (
            f"{text}. `har cross-validate --protocol leave-one-user-out` tests each of the {people} people by a "
            "network that was trained on the others"
        )
    if people >= FEW_PEOPLE:
        return None
    return (
        f"The figures are of {people} held-out {'person' if people == 1 else 'people'}. A new person may differ from "
        "them: `har cross-validate` tests everybody"
    )
