"""What the phone keeps of labelled windows, when it offers teaching, and which personal head it uses."""

from typing import Any

import msgspec
import pytest

from har.personal_head import decode_head
from tests.har.made_heads import FLAT, UPRIGHT

SECOND = 1_000_000
#: A phone with stored values and a fake database, for steps of a test.
SET_UP = """
const { Teaching } = await import('/phone/classification/teaching.js');
const steps = args[0];
const rows = new Map();
const key = ({ session, start }) => `${session} ${start}`;
const database = {
  getAll: async () => structuredClone([...rows.values()]),
  put: async (_, row) => void rows.set(key(row), structuredClone(row)),
  delete: async (_, [session, start]) => void rows.delete(`${session} ${start}`),
};
const stored = new Map();
const values = {
  get: async (name) => stored.get(name),
  set: async (name, value) => void stored.set(name, structuredClone(value)),
};
const labels = { recent: [] };
const state = { isPrivate: true };
const device = (name) => Teaching.open(
  { database, values, device: name, labels, collects: () => state.isPrivate, onChange: () => {} });
let teaching = await device('phone-1');
const background = { kinds: [{ name: 'table', title: 'on a table' }] };
const release = (name) => ({
  manifest: { release: name, classes: ['sit', 'stand', 'walk'], background },
  spec: { steps: 200, rateHz: 50, hopUs: 1e6, gapUs: 1e6 },
});
const does = {
  begin: (name, head = null) => teaching.begin(release(name), head),
  label: (changed) => {
    labels.recent = [changed, ...labels.recent.filter(({ start }) => start !== changed.start)];
    teaching.correct();
  },
  windows: (first, count, gravity = [0, 0.5, 9.8], session = 's', of = 'r1') => {
    for (let at = 0; at < count; at += 1) {
      const start = (first + at) * 1e6;
      teaching.add(of, { session, start, end: start + 4e6, probabilities: [0.3, 0.6, 0.05, 0.05], gravity });
    }
  },
  answers: (count, activity, first = 0) => {
    for (let at = 0; at < count; at += 1) {
      teaching.answered({ session: 's', start: (first + at) * 1e6, activity, confidence: 0.9 });
    }
  },
  private: (isPrivate) => { state.isPrivate = isPrivate; },
  fit: () => teaching.fit(),
  forget: () => teaching.forget(),
  reopen: async (name) => { teaching = await device(name); },
};
const seen = [];
for (const [name, ...given] of steps) {
  await does[name](...given);
  await new Promise((resolve) => setTimeout(resolve));
  const { isOffered, endedBy, isOwn, canForget, canFit, progress, head, failure } = teaching;
  seen.push({
    isOffered, endedBy, isOwn, canForget, canFit, head, rows: [...rows.values()],
    progress: Object.fromEntries(progress.map(({ activity, seconds }) => [activity, seconds])),
    failure: failure && failure.message,
  });
}
return seen;
"""


def label(start: int, activity: str, end: int | None = None, **fields: Any) -> list[Any]:
    ended = None if end is None else end * SECOND
    return ["label", {"session": "s", "start": start * SECOND, "end": ended, "activity": activity, **fields}]


@pytest.fixture
def after(modules):
    return lambda *steps: modules.run(SET_UP, [["begin", "r1"], *steps])[1:]


def starts(state: Any) -> list[int]:
    return [row["start"] // SECOND for row in state["rows"]]


def test_windows_of_a_label_are_kept_without_readings_and_without_those_of_handling_the_phone(after):
    (_, during, _, ended) = after(label(0, "sit"), ["windows", 0, 11], label(0, "sit", 15), ["windows", 11, 9])
    assert starts(during) == [3, 4, 5, 6, 7], "from 3 s after the tap, once 3 s have passed"
    assert starts(ended) == [3, 4, 5, 6, 7, 8]
    assert ended["progress"] == {"sit": 9}
    kept = {"session", "start", "end", "device", "release", "said", "label", "probabilities", "gravity"}
    assert ended["rows"][0].keys() == kept
    assert len(ended["rows"][0]["probabilities"]) == 4 and len(ended["rows"][0]["gravity"]) == 3


@pytest.mark.parametrize(
    ("step", "progress"),
    [
        (label(0, "stand"), {"stand": 16}),
        (label(0, "sit", 0), {}),
        (label(0, "sit", 12), {"sit": 6}),
        (label(0, "juggling"), {}),
        (label(0, "sit", rejected="nobody does that"), {}),
        (label(0, "sit", rejected="a correction", accepted="sit"), {"sit": 16}),
        (["begin", "r2"], {}),
        (["reopen", "phone-2"], {}),
    ],
)
def test_what_is_kept_follows_the_label_the_release_and_the_device(after, step, progress):
    (_, before, changed) = after(label(0, "sit"), ["windows", 0, 19], step)
    assert before["progress"] == {"sit": 16}
    assert changed["progress"] == progress
    if not progress:
        assert changed["rows"] == []


def test_a_head_ends_with_the_name_of_the_phone_also_if_the_name_comes_back(after):
    taught = [
        label(0, "sit"),
        ["windows", 0, 25],
        label(0, "sit", 30),
        label(60, "stand"),
        ["windows", 60, 25, [0.5, 9.8, 0]],
    ]
    states = after(*taught, ["fit"], ["reopen", "phone-2"], ["reopen", "phone-1"], ["begin", "r1"])
    assert states[5]["head"] is not None
    assert [state["head"] for state in states[6:]] == [None, None, None]


def test_outside_of_private_mode_of_another_release_and_without_a_class_nothing_is_kept(after):
    for steps in (
        [["private", False], label(0, "sit"), ["windows", 0, 30]],
        [label(0, "sit"), ["windows", 0, 30, [0, 0, 9.8], "s", "r0"]],
        [label(0, "sit"), ["windows", 0, 30, [0, 0, 9.8], "other session"]],
        [label(0, "juggling"), ["windows", 0, 30]],
    ):
        assert after(*steps)[-1]["rows"] == []


def test_at_most_300_windows_of_an_activity_are_kept_the_newest(after):
    last = after(label(0, "sit"), ["windows", 0, 330])[-1]
    assert (len(last["rows"]), starts(last)[0], starts(last)[-1]) == (300, 27, 326)


def test_teaching_is_offered_in_private_mode_until_another_release(after):
    unclear, ended, own = after(["answers", 60, "unknown"], ["begin", "r2"], ["answers", 60, "walk", 100])
    assert [state["isOffered"] for state in (unclear, ended, own)] == [True, False, False]
    assert not after(["private", False], ["answers", 60, "unknown"])[-1]["isOffered"]


CONFUSED = [
    label(0, "sit"),
    ["windows", 0, 30, list(FLAT)],
    label(0, "sit", 30),
    label(30, "stand"),
    ["windows", 30, 30, list(UPRIGHT)],
]


def test_a_head_is_made_used_ended_by_a_release_and_forgotten(after):
    *_, labelled, fitted, other, back, reopened, forgotten = after(
        ["answers", 60, "unknown"],
        *CONFUSED,
        ["fit"],
        ["begin", "r2"],
        ["begin", "r1"],
        ["reopen", "phone-1"],
        ["forget"],
    )
    assert labelled["canFit"] and labelled["head"] is None
    head = decode_head(msgspec.json.encode(fitted["head"]))
    assert (head.device, head.number, head.release, head.classes) == ("phone-1", 1, "r1", 3)
    assert head.outputs == ["sit", "stand", "walk", "table"]
    assert (head.held_back.right_before, head.held_back.right_after) == (0.5, 1.0)
    assert fitted["isOwn"] and not fitted["isOffered"] and fitted["canForget"]
    corrected = head.corrected([0.3, 0.6, 0.05, 0.05], FLAT)
    assert corrected is not None and corrected.index(max(corrected)) == 0
    assert (other["head"], other["endedBy"], other["rows"]) == (None, "r2", [])
    assert back["head"] == fitted["head"] and back["endedBy"] == ""
    assert reopened["canForget"], "it is stored"
    assert (forgotten["head"], forgotten["canForget"]) == (None, False)


def test_a_head_that_answers_no_better_is_not_used(after):
    # The last part of each activity contradicts the first.
    states = after(
        label(0, "sit"),
        ["windows", 0, 26, list(FLAT)],
        ["windows", 26, 14, list(UPRIGHT)],
        label(0, "sit", 40),
        label(40, "stand"),
        ["windows", 40, 26, list(UPRIGHT)],
        ["windows", 66, 17, list(FLAT)],
        ["fit"],
    )
    assert states[-1]["head"] is None
    assert states[-1]["failure"] == "a personal head would not answer better"
    assert "at least 15 s" in after(["fit"])[-1]["failure"]


def test_the_newer_one_of_the_signed_and_the_own_head_is_used(after):
    own = after(*CONFUSED, ["fit"])[-1]["head"]
    for made, number, used in (("2020-01-01T00:00:00+00:00", 7, 8), ("2100-01-01T00:00:00+00:00", 7, 7)):
        signed = {**own, "number": number, "made": made}
        first, *_, last = after(["begin", "r1", signed], *CONFUSED, ["fit"])
        assert (first["head"]["number"], first["isOwn"]) == (7, False)
        assert (last["head"]["number"], last["isOwn"]) == (used, used == 8)
    others = {**own, "outputs": ["sit", "stand", "walk", "vehicle"]}
    assert after(["begin", "r1", others])[-1]["head"] is None
