"""Real recordings through the running system: windows and predictions equal those computed offline."""

from collections import Counter

import numpy as np
import pytest

from deploy.stack import GATEWAY
from har.decisions import UNKNOWN
from har.scoring import confusion_matrix, scores
from har.windowing import recording_windows
from model_store.onnx_classifier import OnnxClassifier
from recording_files.loading import load_recordings
from tests.system.conftest import on_one_system
from trainer.commands.evaluate import evaluate

# `test_sensor_logger` compares real recordings on Apache Kafka.
pytestmark = [pytest.mark.kafka, on_one_system]
SERVICES = (GATEWAY,)

RESERVED_TEST_USERS = {"hapt_24_users.parquet": "u21,u22,u23,u24", "pocket_6_users.parquet": "u06"}


def of_devices(seen, expected):
    devices = {key[0] for key in expected.truth}
    return {key: prediction for key, prediction in seen.predictions.items() if key[0] in devices}


def test_hhar_out_of_order_gives_exactly_the_offline_windows_of_a_wearer_at_rest(system, shared_data):
    file = shared_data / "hhar_excerpt" / "Phones_accelerometer_first10000.csv"
    expected = system.replay("hhar", str(file), "--speed", "4")
    got = of_devices(system.predictions(expected), expected)
    (recording,) = load_recordings([file])
    offline = recording_windows(recording.times, recording.axes)
    first = min(start for _, _, start in got)
    assert sorted(start - first for _, _, start in got) == (offline.starts - offline.starts[0]).tolist()
    assert got.keys() == expected.truth.keys()
    # The wearer stands, with a phone whose orientation in the pouch is not known: sitting is as likely an answer.
    activities = Counter(prediction.activity for prediction in got.values())
    assert activities["stand"] + activities["sit"] >= 0.9 * len(got)


def test_the_same_recording_twice_gives_the_same_predictions_bit_for_bit(system, shared_data):
    file = str(shared_data / "hhar_excerpt" / "Phones_accelerometer_first10000.csv")
    probabilities = []
    for number, batch in enumerate((50, 73)):
        expected = system.replay(f"twice-{number}", file, "--speed", "20", "--batch-readings", str(batch))
        seen = system.predictions(expected).predictions
        probabilities.append([seen[key].probabilities for key in sorted(expected.truth)])
    assert probabilities[0] == probabilities[1]
    assert len(probabilities[0]) == 35


@pytest.mark.parametrize(
    "file", [pytest.param("hapt_24_users.parquet", marks=pytest.mark.long), "pocket_6_users.parquet"]
)
def test_scores_of_reserved_test_users_end_to_end_equal_the_offline_scores(system, shared_data, file):
    users = RESERVED_TEST_USERS[file]
    expected = system.replay(file, str(shared_data / file), "--users", users, "--speed", "25")
    got = of_devices(system.predictions(expected), expected)
    assert got.keys() == expected.truth.keys()

    network = OnnxClassifier.open("baseline")
    classes = network.manifest.classes
    scored = [(label, got[key].activity) for key, label in expected.truth.items() if label in classes]
    truth, predicted = (np.array([[*classes, UNKNOWN].index(pair[n]) for pair in scored]) for n in (0, 1))
    may_be_unknown = network.manifest.decision_threshold > 0 or network.manifest.background is not None
    end_to_end = confusion_matrix(truth, predicted, len(classes), unknown=may_be_unknown)
    recordings = [r for r in load_recordings([shared_data / file]) if r.user in users.split(",")]
    offline = evaluate(network, recordings)
    assert end_to_end.tolist() == offline.confusion
    assert not offline.met_training_users
    if file.startswith("hapt"):
        assert scores(end_to_end, classes).macro_f1 >= 0.92
