import msgspec
import numpy as np

from deploy.audit.prediction_watch import SeenMessages
from deploy.audit.summary import describe, expected_windows, summarise
from har.predictions import Prediction, encode_prediction
from har.windowing import WindowSpec
from ingest.senders.journal import Journal
from tests.batches import live_batches


def predicted(key, activity: str, *, arrived: int = 0, reason: str | None = None) -> bytes:
    device, session, start = key
    made = Prediction(device, session, start, start + 4_000_000, activity, 0.9, {activity: 0.9}, "r1", arrived)
    return encode_prediction(msgspec.structs.replace(made, reason=reason))


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


def test_a_summary_says_why_windows_are_unknown(tmp_path):
    expected = expected_windows(tmp_path, WindowSpec())
    seen = SeenMessages()
    shown = [("walk", None), ("unknown", None), *[("unknown", "sparse")] * 2, ("unknown", "later"), ("unknown", None)]
    for number, (activity, reason) in enumerate(shown):
        seen.add(predicted(("phone-1", "s1", number), activity, reason=reason), 30_000)
    summary = summarise(expected, seen)
    assert (summary.windows_unknown, summary.unknown_by_reason) == (5, {"sparse": 2, "later": 1})
    line = "5 unknown: 2 with no class probable enough, 3 whose readings tell too little: sparse (2), later (1)"
    assert line in describe(summary, 1.0).splitlines()


def test_a_summary_of_good_readings_names_no_reason(tmp_path):
    seen = SeenMessages()
    seen.add(predicted(("phone-1", "s1", 0), "unknown"), 30_000)
    summary = summarise(expected_windows(tmp_path, WindowSpec()), seen)
    assert "1 unknown: 1 with no class probable enough" in describe(summary, 1.0).splitlines()
