"""The page's predictions equal the processor's, and take a few milliseconds each."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from har.decisions import UNKNOWN, decide
from har.windowing import recording_windows
from model_store.onnx_classifier import OnnxClassifier
from model_store.release_folder import open_release
from model_store.repository.publishing import publish
from recording_files.loading import load_recordings
from tests.ingest.phone_page.page_modules import RejectedByPage
from tests.ingest.phone_page.phone_of_store import Phone, phone_in_browser, phone_in_node
from tests.model_store.made_store import MadeStore, background_release, other_release

CLASSIFY = """
const { classifier } = await openCurrentRelease(options);
const bytes = Uint8Array.from(atob(args[1]), (character) => character.charCodeAt(0));
const values = new Float32Array(bytes.buffer);
const length = classifier.manifest.steps * 3;
const answers = [];
const milliseconds = [];
for (let at = 0; at < values.length; at += length) {
  const begin = performance.now();
  answers.push(await classifier.classify(values.slice(at, at + length)));
  milliseconds.push(performance.now() - begin);
}
const elsewhere = performance.getEntriesByType('resource').map((entry) => entry.name);
return { answers, milliseconds, elsewhere: elsewhere.filter((name) => !name.startsWith(location.origin)) };
"""


@pytest.fixture
def phone(node, tmp_path):
    with phone_in_node(node, MadeStore.make(tmp_path)) as opened:
        yield opened


def random_windows(count: int) -> np.ndarray:
    """Return random windows of still, shaken and turned phones."""
    random = np.random.default_rng(5)
    still = random.normal(0, 1, (count, 1, 3))
    still *= 9.81 / np.linalg.norm(still, axis=2, keepdims=True)
    t = np.arange(200)[None, :, None] / 50
    frequency, strength = random.uniform(0.3, 8, (count, 1, 3)), random.choice([0.02, 0.5, 2, 6, 20], (count, 1, 1))
    swing = np.sin(2 * np.pi * frequency * t + random.uniform(0, 6, (count, 1, 3)))
    return (still + strength * swing + random.normal(0, 0.2, (count, 200, 3))).astype(np.float32)


def classified_by(phone: Phone, windows: np.ndarray) -> dict[str, Any]:
    return dict(phone.run(CLASSIFY, base64.b64encode(windows.tobytes()).decode()))


def assert_same(answers: list[dict[str, Any]], release: Path, windows: np.ndarray) -> set[str]:
    """Classify windows in Python, and compare the page's predictions with them; return the predicted activities."""
    network = OnnxClassifier.open(str(release))
    manifest, outputs = network.manifest, network.manifest.outputs
    classes, thresholds = manifest.classes, manifest.thresholds
    assert len(answers) == len(windows)
    for answer, expected in zip(answers, network.probabilities(windows).tolist(), strict=True):
        assert answer["probabilities"].keys() == set(classes)
        probabilities = {name: answer["probabilities"][name] for name in classes}  # the driver sorts them
        background = {name: answer.get("background", {})[name] for name in manifest.kinds}
        assert [*probabilities.values(), *background.values()] == pytest.approx(expected, abs=1e-5)
        # Equal probabilities give equal activities. Python's may differ slightly, which matters only near a tie.
        here = decide(probabilities, thresholds, background)
        assert here == (answer["activity"], answer["confidence"], answer.get("kind"))
        named = dict(zip(outputs, expected, strict=True))
        of_kinds = {name: named.pop(name) for name in manifest.kinds}
        there = decide(named, thresholds, of_kinds)
        two, share = sorted(named.values())[-2:], sum(of_kinds.values())
        if min(abs(two[1] - thresholds.decision), two[1] - two[0], abs(share - thresholds.background)) > 1e-5:
            assert answer["activity"] == there.activity
            assert answer["confidence"] == pytest.approx(there.confidence, abs=1e-5)
    return {answer["activity"] for answer in answers}


def test_random_windows_are_classified_as_by_the_processor(browser, phone):
    phone.store.publish("one")
    windows = random_windows(300)
    with phone_in_browser(browser, phone.store) as browsing:
        got = classified_by(browsing, windows)
        assert browsing.page.faults() == []  # nor violations of the security policy
    activities = assert_same(got["answers"], phone.store.folder / "made" / "one", windows)
    assert UNKNOWN in activities and len(activities) >= 4
    assert got["elsewhere"] == []
    assert np.median(got["milliseconds"]) < 50  # usually a few; the rest is for a busy machine
    assert classified_by(phone, windows)["answers"] == got["answers"], (
        "Node, as used by the other tests, gives the same"
    )


def test_a_releases_own_normalisation_is_applied(phone):
    release = other_release(phone.store.folder / "made", "shifted", 1.3)
    publish(phone.store.storage, phone.store.signing, release)
    windows = random_windows(100)
    assert len(assert_same(classified_by(phone, windows)["answers"], release, windows)) >= 3


@pytest.mark.slow
def test_windows_of_real_recordings_are_classified_as_by_the_processor(phone, shared_data):
    phone.store.publish("one")
    cut = [
        recording_windows(recorded.times[:20_000], recorded.axes[:20_000]).values[::3]
        for file in ("hapt_24_users.parquet", "pocket_6_users.parquet")
        for recorded in load_recordings([shared_data / file])[:4]
    ]
    windows = np.concatenate(cut)
    activities = assert_same(classified_by(phone, windows)["answers"], phone.store.folder / "made" / "one", windows)
    assert len(activities) >= 4


def test_concurrent_calls_give_the_same_predictions(phone):
    phone.store.publish("one")
    windows = random_windows(20)
    both = phone.run(
        """
        const { classifier } = await openCurrentRelease(options);
        const windows = args[1].map((window) => Float32Array.from(window.flat()));
        const wrong = classifier.classify(new Float32Array(3)).catch((error) => error.name);
        const together = await Promise.all(windows.map((window) => classifier.classify(window)));
        const alone = [];
        for (const window of windows) alone.push(await classifier.classify(window));
        return [together, alone, await wrong];
        """,
        windows.tolist(),
    )
    assert both[0] == both[1]
    assert both[2] == "RangeError"


def test_a_network_whose_input_differs_from_the_manifest_is_rejected(phone):
    phone.store.publish("one")
    with pytest.raises(RejectedByPage, match="the network's input is 200,3, but the manifest has 100 x 3") as rejected:
        phone.run(
            """
            const { Classifier } = await import('/phone/classification/classifier.js');
            const { manifest, onnx, golden } = await metadata.pullRelease(options);
            const half = { ...golden, window: golden.window.slice(0, 100) };
            await Classifier.open({ manifest: { ...manifest, steps: 100 }, onnx, golden: half });
            """
        )
    assert rejected.value.reason == "unusable"


def test_kinds_of_background_are_named_as_by_the_processor(phone):
    release = background_release(phone.store.folder / "made", "known", decision_threshold=0.0)
    publish(phone.store.storage, phone.store.signing, release)
    windows = random_windows(200)
    answers = classified_by(phone, windows)["answers"]
    assert UNKNOWN in assert_same(answers, release, windows)
    assert set(open_release(release).manifest.kinds) & {answer.get("kind") for answer in answers}
    assert all(answer["activity"] == UNKNOWN for answer in answers if "kind" in answer)
