import numpy as np

from deploy.audit.summary import SeenMessages, expected_windows, summarise
from har.predictions import Prediction, encode_prediction
from har.windows import WindowSpec
from ingest.senders.journal import Journal
from tests.batches import live_batches


def predicted(key, activity: str, *, arrived: int = 0) -> bytes:
    device, session, start = key
    return encode_prediction(
        Prediction(device, session, start, start + 4_000_000, activity, 0.9, {activity: 0.9}, "r1", arrived)
    )


def test_a_summary_counts_missing_extra_repeated_and_correct_windows(tmp_path):
    with Journal(tmp_path, "phone-1", "s1") as journal:
        for number, batch in enumerate(live_batches(15)):
            journal.write(batch, np.full(len(batch), "walk" if number < 10 else "sit"))
    expected = expected_windows(tmp_path, WindowSpec())
    keys = sorted(expected.truth)
    walking = [key for key in keys if expected.truth[key] == "walk"]
    assert None in expected.truth.values()  # windows across the change have no single ground truth

    seen = SeenMessages()
    for key in keys[1:]:
        seen.add(predicted(key, "walk"), 30_000)
    seen.add(predicted(keys[1], "sit", arrived=0), 99_000_000)
    seen.add(predicted(("phone-1", "s1", 1), "walk"), 30_000)
    summary = summarise(expected, seen)
    assert (summary.devices, summary.batches_acknowledged) == (1, 15)
    assert (summary.windows_missing, summary.windows_extra, summary.windows_repeated) == (1, 1, 1)
    assert summary.windows_expected == len(keys)
    assert summary.latency_ms.p50 == 30.0
    scored = [key for key in keys[1:] if expected.truth[key] is not None]
    assert summary.windows_scored == len(scored)
    # The newest prediction of a window counts: keys[1] is now wrong.
    assert summary.accuracy == (len(walking) - 2) / len(scored)
