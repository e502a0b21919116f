"""A phone's predictions use the session's upright reference as the stream's and the edge client's do, bit for bit."""

from typing import Any

import msgspec
import numpy as np
import pytest

from har.activity_reports import decode_report
from har.background import Background, BackgroundKind
from har.predictions import Prediction
from har.releases import ReleaseManifest, encode_manifest
from har.session_references import judged_in_order
from har.signal_quality import SignalBounds
from har.upright import NO_REFERENCE, Reference, UprightRule
from har.windowing import recording_windows
from model_store.release_folder import open_release
from tests.har.upright_sessions import BEGIN, SECOND, upright_session
from tests.ingest.phone_page.page_modules import Modules, RejectedByPage
from tests.ingest.phone_page.phone_of_store import DEVICE, Phone, phone_in_node
from tests.model_store.made_store import MadeStore

#: Judges the windows of a session, as a classifier with a network of the given answers predicts them.
JUDGE = """
const { Classifier } = await import('/phone/classification/classifier.js');
const { NO_REFERENCE, uprightRule } = await import('/phone/classification/upright.js');
const { judged } = await import('/phone/classification/session-reference.js');
const [manifest, windows] = args;
let data;
const network = { inputNames: ['x'], outputNames: ['y'], run: async () => ({ y: { data } }) };
const classifier = new Classifier(manifest, uprightRule(manifest), network);
const predictions = [];
let reference = NO_REFERENCE;
for (const [start, values, outputs] of windows) {
  data = Float32Array.from(outputs);
  const window = { start, values: Float32Array.from(values) };
  const used = judged(await classifier.classify(window.values), classifier, window, reference);
  reference = used.reference;
  predictions.push(used.prediction);
}
const { upright, windows: count, other, others, contrary, latestUs } = reference;
return [predictions, [upright, count, other, others, contrary, latestUs]];
"""
#: Classifies sessions on the phone; returns the reports, what the phone knows about upright in the end, and the
#: network's answers for windows alone.
CLASSIFY = """
const { PhoneClassification } = await import('/phone/classification/phone-classification.js');
const { ActivityOutlet } = await import('/phone/sending/activity-outlet.js');
const reports = [];
const outbox = { add: async ({ body }) => reports.push(body) };
const outlet = new ActivityOutlet(outbox, options.device, () => {});
const phone = new PhoneClassification(options.device, storage, () => {});
await phone.start();
for (const [session, times, [x, y, z]] of args[1]) {
  for (let at = 0; at < times.length; at += 500) {
    const [some, ...axes] = [times, x, y, z].map((column) => column.slice(at, at + 500));
    const [x32, y32, z32] = axes.map((axis) => Float32Array.from(axis));
    const predictions = await phone.add(session, { times: some, x: x32, y: y32, z: z32 });
    if (predictions.length > 0) await outlet.add(session, predictions);
  }
}
phone.stop();
if (phone.fault) throw new Error(phone.fault);
const { classifier } = await openCurrentRelease(options);
const alone = [];
for (const values of args[2]) alone.push(Array.from(await classifier.probabilities(Float32Array.from(values))));
return [reports, phone.upright, alone];
"""
STEPS = 4
#: Learns from any window, whatever the network calls it, so that it is used for made readings.
EAGER = UprightRule(needed=3, least_walk=1e-6, agreement=0.5, on_foot_below=-1, any_below=-1)
ANY_READINGS = SignalBounds(1.5, 900_000, 900_000, 1.0, 30.0)


def small_manifest(*, rule: UprightRule | None, kinds: int, classes: tuple[str, ...]) -> ReleaseManifest:
    background = [BackgroundKind("table", "on a table"), BackgroundKind("jump", "jumping")][:kinds]
    return msgspec.structs.replace(
        open_release("baseline").manifest,
        classes=list(classes),
        steps=STEPS,
        decision_threshold=0.5,
        background=Background(background, 0.4, 0.2) if kinds else None,
        upright=rule,
    )


def small_session(manifest: ReleaseManifest, seed: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Return start, values and network's output of each window of a session that walks, sits, stands and is turned."""
    random = np.random.default_rng(seed)
    made = []
    for gravity, start, probabilities in upright_session(random, classes=manifest.classes, restless=0.05):
        values = (np.array(gravity) + random.normal(0, 0.5, (STEPS, 3))).astype(np.float32)
        of_kinds = random.random(len(manifest.kinds)) * random.choice([0.1, 0.6])
        outputs = np.array([*probabilities.values(), *of_kinds])
        made.append((start, values, (outputs / outputs.sum()).astype(np.float32)))
    return made


def by_python(
    manifest: ReleaseManifest, session: list[tuple[int, np.ndarray, np.ndarray]]
) -> tuple[list[Prediction], Reference]:
    alone = [
        (Prediction.of_window(manifest, DEVICE, "s", start, outputs, start), values)
        for start, values, outputs in session
    ]
    return judged_in_order(alone, manifest, NO_REFERENCE)


def by_page(modules: Modules, manifest: ReleaseManifest, session: list[tuple[int, np.ndarray, np.ndarray]]) -> Any:
    windows = [[start, values.ravel().tolist(), outputs.tolist()] for start, values, outputs in session]
    return modules.run(JUDGE, msgspec.json.decode(encode_manifest(manifest)), windows)


def plain(reference: Reference) -> Any:
    return msgspec.json.decode(msgspec.json.encode(reference))


def told(prediction: Prediction) -> dict[str, Any]:
    """Return what the page tells of a prediction: fields without a value are left out."""
    fields = ("activity", "confidence", "probabilities", "kind", "background", "lean", "alone")
    values = {name: msgspec.to_builtins(getattr(prediction, name)) for name in fields}
    return {name: value for name, value in values.items() if value not in (None, {})}


@pytest.mark.parametrize("kinds", [0, 2])
@pytest.mark.parametrize(
    "classes", [("sit", "stand", "walk", "stairsup", "stairsdown"), ("lie", "jog", "walk", "stand", "sit")]
)
def test_a_session_is_judged_as_by_the_stream_to_the_last_bit(modules, kinds, classes):
    manifest = small_manifest(rule=UprightRule(needed=4, least_walk=0.5), kinds=kinds, classes=classes)
    leans = changed = 0
    for seed in range(6):
        session = small_session(manifest, seed)
        predictions, reference = by_python(manifest, session)
        got, state = by_page(modules, manifest, session)
        assert got == [told(prediction) for prediction in predictions]
        assert state == plain(reference)
        leans += sum(prediction.lean is not None for prediction in predictions)
        changed += sum(prediction.alone is not None for prediction in predictions)
    assert leans > 100
    assert changed > 20


def test_without_a_rule_the_window_alone_is_answered(modules):
    manifest = small_manifest(rule=None, kinds=0, classes=("sit", "stand", "walk"))
    session = small_session(manifest, 1)
    got, state = by_page(modules, manifest, session)
    assert got == [told(prediction) for prediction in by_python(manifest, session)[0]]
    assert state == plain(NO_REFERENCE)


@pytest.fixture
def phone(node, tmp_path):
    with phone_in_node(node, MadeStore.make(tmp_path)) as opened:
        yield opened


def readings(seed: int, begin: int) -> tuple[np.ndarray, np.ndarray]:
    """Return 14 s of readings, a pause of 11 minutes, and 11 s more; the phone leans slowly.

    The sensor shows the same value from second 6 to second 11.5.
    """
    random = np.random.default_rng(seed)
    count = 25 * 50
    times = begin + np.arange(count) * 20_000
    times[14 * 50 :] += 660 * SECOND
    lean = np.linspace(0, 1.2, count) + random.normal(0, 0.02, count)
    axes = 9.81 * np.stack([np.sin(lean), np.cos(lean), 0.1 * random.normal(0, 1, count)], axis=1)
    axes[6 * 50 : 23 * 25] = axes[6 * 50]
    return times, axes.astype(np.float32)


def test_the_phone_keeps_a_reference_for_each_session_as_the_stream_does(phone: Phone) -> None:
    sessions = [("one", *readings(1, BEGIN)), ("two", *readings(2, BEGIN + 800 * SECOND))]
    columns = [[name, times.tolist(), axes.T.tolist()] for name, times, axes in sessions]
    cut = {name: recording_windows(times, axes) for name, times, axes in sessions}
    values = [window.ravel().tolist() for windows in cut.values() for window in windows.values]
    changes = {"release": "learns", "signal_bounds": ANY_READINGS, "decision_threshold": 0.3, "upright": EAGER}
    phone.store.publish_changed("learns", **changes)
    reports, knows, outputs = phone.run(CLASSIFY, columns, values)
    reported = [made for report in reports for made in decode_report(report.encode()).predictions(BEGIN)]
    manifest = msgspec.structs.replace(open_release("baseline").manifest, **changes)
    remaining = iter(outputs)
    for name, windows in cut.items():
        alone = []
        for window, reason in zip(windows, windows.reasons(ANY_READINGS), strict=True):
            known, outputs_alone = (DEVICE, name, window.start), np.array(next(remaining), np.float32)
            prediction = Prediction.of_window(manifest, *known, outputs_alone, BEGIN, "device")
            if reason is not None:
                prediction = Prediction.of_unclassified(manifest, *known, reason, BEGIN, "device")
            alone.append((prediction, window.values))
        expected, reference = judged_in_order(alone, manifest, NO_REFERENCE)
        without = [(made.start - windows.starts[0]) // SECOND for made in expected if made.lean is None]
        assert without == [0, 1, 2, 6, 674, 675, 676], "learned in each session, and again after the pause"
        assert [made.reason for made in expected if made.reason is not None] == ["constant"]
        # The reference itself stays on the phone.
        kept = [msgspec.structs.replace(made, reference=None) for made in expected]
        assert [made for made in reported if made.session == name] == kept
    assert (knows["windows"], knows["upright"]) == (reference.windows, list(reference.upright))
    assert (knows["needed"], knows["latestUs"]) == (EAGER.needed, reference.latest_us)


def test_a_release_whose_rule_cannot_be_used_is_rejected(phone: Phone) -> None:
    phone.store.publish_changed("bad", upright=UprightRule(needed=0))
    with pytest.raises(RejectedByPage, match="bad: upright: ") as rejected:
        phone.pull()
    assert rejected.value.reason == "unusable"
    assert phone.good() is None
