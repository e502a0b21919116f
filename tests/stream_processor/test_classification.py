"""The processor's predictions name kinds of background in the words of the release."""

import numpy as np

from har.background import Background, BackgroundKind
from har.batch_runs import ClosedWindow
from har.channels import STABLE
from har.signal_quality import signal_quality
from model_store.onnx_classifier import OnnxClassifier
from model_store.release_folder import open_release
from stream_processor.classification import Classifier
from stream_processor.serving import CurrentReleases, ReleaseTimeline
from stream_processor.sessions import Position, SessionKey
from tests.model_store.made_store import copied_release


async def test_a_kind_has_the_title_that_the_manifest_gives_it(tmp_path):
    # All of the network's outputs but two are kinds of background, and any share of them is too much.
    outputs = open_release("baseline").manifest.outputs
    kinds = [BackgroundKind(f"kind-{name}", f"the kind of {name}") for name in outputs[2:]]
    release = copied_release(tmp_path, "known", classes=outputs[:2], background=Background(kinds, 0.0, 0.0))
    timeline = ReleaseTimeline(CurrentReleases({STABLE: OnnxClassifier.open(str(release))}))
    axes = np.random.default_rng(2).normal([0, 9.8, 0], 3, (200, 3)).astype(np.float32)
    quality = signal_quality(np.arange(200) * 20_000, axes, np.zeros(200, bool))
    window = ClosedWindow(0, axes, quality, Position(1, 5_000_000))
    still = ClosedWindow(
        0, axes, signal_quality(np.arange(10) * 400_000, axes[:10], np.zeros(10, bool)), Position(2, 5_000_000)
    )
    key = SessionKey("phone", "s1")
    classified = await Classifier(timeline, max_batch=4).classify([(key, window), (key, still)])
    moving, sparse = classified.predictions
    assert moving.kind in {kind.name for kind in kinds}
    assert sparse.reason == "sparse"
    made = zip(classified.manifests, classified.predictions, strict=True)
    titles = [manifest.kind_title(prediction.kind) for manifest, prediction in made]
    assert titles == [moving.kind.replace("kind-", "the kind of "), None]
