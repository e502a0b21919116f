import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from har.recordings import Recording
from har.windowing import WindowSpec
from trainer.fitting.examples import make_examples
from trainer.fitting.labelling import UNLABELLED, label_windows

CLASSES = ["sit", "walk"]
PERIOD_US = 20_000


def recording(labels: list[str]) -> Recording:
    times = np.arange(len(labels), dtype=np.int64) * PERIOD_US
    axes = np.random.default_rng(0).normal([0, 0, 9.81], 0.02, (len(labels), 3)).astype(np.float32)
    return Recording("anna", "phone", "Phone", "s1", times, axes, np.array(labels))


@given(st.lists(st.sampled_from(["sit", "walk", "null"]), min_size=1, max_size=60), st.integers(1, 20))
def test_window_has_a_class_only_if_all_its_readings_have_it(labels: list[str], steps: int) -> None:
    starts = np.arange(-5, len(labels) + 5) * PERIOD_US
    found = label_windows(recording(labels), starts, WindowSpec(steps=steps), CLASSES)
    for begin, label in zip(range(-5, len(labels) + 5), found, strict=True):
        inside = set(labels[max(begin, 0) : max(begin + steps, 0)])
        expected = CLASSES.index(inside.pop()) if len(inside) == 1 and inside <= set(CLASSES) else UNLABELLED
        assert label == expected


def test_examples_leave_out_transitions_and_other_activities() -> None:
    examples = make_examples([recording(["sit"] * 500 + ["null"] * 250 + ["walk"] * 750)], WindowSpec(), CLASSES)
    # Windows start at whole seconds from 1 s on; sitting ends at 10 s, walking begins at 15 s, and the filter's
    # support ends before 30 s.
    assert examples.labels.tolist() == [0] * 6 + [1] * 11
    assert set(examples.people.tolist()) == {"phone/anna"}
    assert len(examples.of({"phone/bert"})) == 0
