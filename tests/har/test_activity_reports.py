"""Reports of activities survive encoding, and invalid ones are rejected."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.activity_reports import MAX_WINDOWS, decode_report, encode_report
from har.predictions import Prediction, WindowAlone
from har.rejections import RejectedMessage
from har.upright import Reference

START = 1_700_000_000_000_000


def prediction(number: int = 0, walk: float = 0.75, release: str = "r1") -> Prediction:
    start = START + number * 1_000_000
    probabilities = {"walk": walk, "sit": 1 - walk}
    best = max(probabilities, key=probabilities.__getitem__)
    return Prediction(
        "phone", "s1", start, start + 4_000_000, best, probabilities[best], probabilities, release, start, "device"
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=MAX_WINDOWS), st.integers(0, 2**53 - 1))
def test_a_report_survives_encoding(walks, sequence):
    made = [prediction(number, walk) for number, walk in enumerate(walks)]
    report = decode_report(encode_report("phone", "s1", sequence, made).encode())
    assert (report.device, report.session, report.sequence) == ("phone", "s1", sequence)
    decoded = report.predictions(arrived=7)
    assert {prediction.arrived for prediction in decoded} == {7}
    assert [(p.key, p.probabilities, p.activity, p.release, p.made_on) for p in decoded] == [
        (p.key, p.probabilities, p.activity, p.release, "device") for p in made
    ]


def changed(**changes) -> bytes:
    return json.dumps(json.loads(encode_report("phone", "s1", 0, [prediction()])) | changes).encode()


def window(**changes) -> bytes:
    (only,) = json.loads(encode_report("phone", "s1", 0, [prediction()]))["windows"]
    return changed(windows=[only | changes])


TABLE = {
    "activity": "unknown",
    "probabilities": {"walk": 0.25, "sit": 0.25},
    "background": {"table": 0.5},
    "kind": "table",
}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"", "empty"),
        (b"[" * 70_000, "oversized"),
        (b"[" * 60_000, "malformed"),
        (b"{}", "malformed"),
        (changed(schema=2), "schema"),
        (changed(device="a b"), "device"),
        (changed(session=""), "session"),
        (changed(sequence=-1), "sequence"),
        (changed(windows=[]), "empty"),
        (changed(readings=[1.0]), "malformed"),
        (encode_report("phone", "s1", 0, [prediction(n) for n in range(MAX_WINDOWS + 1)]).encode(), "oversized"),
        (window(start=1, end=2), "time"),
        (window(end=START), "time"),
        (window(end=START + 3_600_000_000), "time"),
        (window(release="../r1"), "release"),
        (window(probabilities={"walk": 1.0}), "prediction"),
        (window(probabilities={"walk": 0.75, "sit": 0.75}), "prediction"),
        (window(probabilities={"walk": 1.5, "sit": -0.5}), "prediction"),
        (window(probabilities={str(n): 1 / 65 for n in range(65)}), "prediction"),
        (window(activity="fly"), "prediction"),
        (window(confidence=7), "prediction"),
        (window(**TABLE | {"activity": "walk"}), "prediction"),
        (window(**TABLE | {"kind": "jump"}), "prediction"),
        (window(**TABLE | {"background": {}}), "prediction"),
        (window(**TABLE | {"background": {"table": 0.25}}), "prediction"),  # the sum is 0.75
        (window(**TABLE | {"background": {"walk": 0.5}, "kind": None}), "prediction"),
        (window(**TABLE | {"background": {"unknown": 0.5}, "kind": None}), "prediction"),
        (window(**TABLE | {"background": {"x" * 65: 0.5}, "kind": None}), "prediction"),
        (window(**TABLE | {"background": {"two\nlines": 0.5}, "kind": None}), "prediction"),
        (window(**TABLE | {"background": {f"k{n}": 0.5 / 65 for n in range(65)}, "kind": None}), "prediction"),
        (window(**TABLE | {"reason": "sparse"}), "prediction"),
        (window(lean=1.5), "prediction"),
        (window(personal=0), "prediction"),
        (window(personal=2**53), "prediction"),
        (window(activity="unknown", confidence=0.25, personal=1, reason="sparse"), "prediction"),
        (window(alone={"activity": "fly", "confidence": 0.5}), "prediction"),
        (window(reference=[[0, 0, 1], 3, [0, 0, 0], 0, 0, 5]), "malformed"),
    ],
)
def test_an_invalid_report_is_rejected(message, code):
    with pytest.raises(RejectedMessage) as rejected:
        decode_report(message)
    assert rejected.value.code == code


def test_unknown_is_accepted():
    assert decode_report(window(activity="unknown", confidence=0.25)).windows[0].activity == "unknown"


def test_the_kind_and_the_background_travel_along():
    made = msgspec.structs.replace(prediction(), **TABLE)
    (read,) = decode_report(encode_report("phone", "s1", 0, [made]).encode()).predictions(arrived=7)
    assert (read.activity, read.kind, read.background) == ("unknown", "table", {"table": 0.5})


def test_what_a_devices_reference_and_head_changed_is_reported_and_the_reference_is_not():
    reference = Reference((0.0, 0.0, 1.0), 10, latest_us=START)
    made = msgspec.structs.replace(
        prediction(), lean=0.5, alone=WindowAlone("sit", 0.5), reference=reference, personal=2
    )
    (decoded,) = decode_report(encode_report("phone", "s1", 0, [made]).encode()).predictions(arrived=START)
    assert decoded == msgspec.structs.replace(made, reference=None)
