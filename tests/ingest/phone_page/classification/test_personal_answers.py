"""A phone's answers with a personal head are those of Python: network, head, upright reference, in this order."""

import msgspec
import numpy as np
import pytest

from har.activity_reports import decode_report
from har.personal_index import HeadEntry, PersonalIndex, device_id, encode_index
from har.predictions import Prediction
from har.session_references import judged_in_order
from har.upright import NO_REFERENCE
from har.windowing import recording_windows
from model_store.layout import head_path, personal_index_path
from model_store.release_folder import open_release
from model_store.repository.roles import CHANNELS
from tests.har.upright_sessions import BEGIN
from tests.ingest.phone_page.classification.test_session_reference import ANY_READINGS, EAGER, readings
from tests.ingest.phone_page.phone_of_store import DEVICE, phone_in_node
from tests.model_store.made_store import MadeStore
from tests.model_store.personal_store import head_of

#: Classifies a session on the phone; returns the report, and the network's answers for windows alone.
CLASSIFY = """
const { PhoneClassification } = await import('/phone/classification/phone-classification.js');
const { Teaching } = await import('/phone/classification/teaching.js');
const { ActivityOutlet } = await import('/phone/sending/activity-outlet.js');
const database = { getAll: async () => [] };
const labels = { recent: [] };
const { device } = options;
const teaching = await Teaching.open(
  { database, values: storage, device, labels, collects: () => true, onChange: () => {} });
const reports = [];
const outlet = new ActivityOutlet({ add: async ({ body }) => reports.push(body) }, device, () => {});
const phone = new PhoneClassification(device, storage, () => {}, teaching);
await phone.start();
if (phone.fault) throw new Error(phone.fault);
const [times, axes, windows] = args.slice(1);
const [x, y, z] = axes.map((axis) => Float32Array.from(axis));
await outlet.add('s', await phone.add('s', { times, x, y, z }));
phone.stop();
const { classifier } = await openCurrentRelease(options);
const outputs = [];
for (const values of windows) outputs.push(Array.from(await classifier.probabilities(Float32Array.from(values))));
return [reports[0], outputs];
"""


@pytest.fixture
def phone(node, tmp_path):
    with phone_in_node(node, MadeStore.make(tmp_path)) as opened:
        yield opened


def test_the_phone_corrects_answers_as_python_does(phone):
    changes = {"release": "learns", "signal_bounds": ANY_READINGS, "decision_threshold": 0.3, "upright": EAGER}
    phone.store.publish_changed("learns", **changes)
    random = np.random.default_rng(5)
    outputs_of_release = len(open_release("baseline").manifest.outputs)
    # It holds for the phone upright, so that the leaning one of the end keeps the network's answers.
    weights, direction = random.normal(0, 0.5, (outputs_of_release + 3, outputs_of_release)).tolist(), (0.0, 1.0, 0.0)
    head = head_of(DEVICE, "learns", number=4, weights=weights, directions=[direction])
    index = PersonalIndex(4, [HeadEntry(device_id(DEVICE), 4, "learns", head.effective)])
    files = {head_path(device_id(DEVICE), 4): msgspec.json.encode(head), personal_index_path(): encode_index(index)}
    phone.store.sign_as({CHANNELS: files})
    times, axes = readings(1, BEGIN)
    windows = recording_windows(times, axes)
    values = [window.ravel().tolist() for window in windows.values]
    report, outputs = phone.run(CLASSIFY, times.tolist(), axes.T.tolist(), values)
    manifest = msgspec.structs.replace(open_release("baseline").manifest, **changes)
    made = []
    for window, reason, row in zip(windows, windows.reasons(ANY_READINGS), outputs, strict=True):
        known = (manifest, DEVICE, "s", window.start)
        found = Prediction.of_window(
            *known, np.array(row, np.float32), BEGIN, "device", head=head, values=window.values
        )
        if reason is not None:
            found = Prediction.of_unclassified(*known, reason, BEGIN, "device")
        made.append((found, window.values))
    expected = judged_in_order(made, manifest, NO_REFERENCE)[0]
    reported = decode_report(report.encode()).predictions(BEGIN)
    assert [(each.start, each.activity, each.personal) for each in reported] == [
        (each.start, each.activity, each.personal) for each in expected
    ]
    for one, other in zip(reported, expected, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-12)
        assert (one.lean is None) == (other.lean is None)
    assert {each.personal for each in reported} == {4, None}
    assert sum(each.personal == 4 and each.lean is not None for each in reported) >= 3
