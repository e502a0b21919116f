import msgspec
import numpy as np
import pytest

from har.artifacts import Artifact, Golden, LeftOut
from har.background import MAX_KINDS, Background, BackgroundKind, kinds_of
from har.release_documents import ReleaseError
from har.releases import MAX_MANIFEST_BYTES, Normalisation, ReleaseManifest, decode_manifest, encode_manifest
from har.signal_quality import SignalBounds


def manifest(**changes) -> ReleaseManifest:
    base = ReleaseManifest(
        release="r1",
        created="2026-11-23T00:00:00Z",
        network="conv_lstm",
        classes=["sit", "walk"],
        steps=200,
        rate_hz=50,
        hop_us=1_000_000,
        gap_us=1_000_000,
        normalisation=Normalisation((0, 0, 0), (9.8, 9.8, 9.8)),
        decision_threshold=0,
        artifacts=[Artifact("network.onnx", "onnx", "00", 1)],
        golden=Golden("golden.json", 1e-5),
        training_users=[],
        data=[],
        metrics={},
        weights_licence="none",
    )
    return msgspec.structs.replace(base, **changes)


def test_a_manifest_survives_its_file():
    assert decode_manifest(encode_manifest(manifest())) == manifest()
    assert manifest().window_spec.length_us == 4_000_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "upgrade har"),
        ({"schema": 0}, "publish the release again"),
        ({"classes": ["sit"]}, "two or more"),
        ({"classes": ["sit", "sit"]}, "different"),
        ({"rate_hz": 30}, "windows"),
        ({"normalisation": Normalisation((0, 0, 0), (1, 0, 1))}, "scale"),
        ({"golden": Golden("../golden.json", 1)}, "plain file name"),
        ({"artifacts": [Artifact("/etc/passwd", "onnx", "00", 1)]}, "plain file name"),
        ({"artifacts": [Artifact("..", "onnx", "00", 1)]}, "plain file name"),
        ({"artifacts": [Artifact("a", "onnx", "00", 1), Artifact("a", "litert-int8", "00", 1)]}, "one name"),
        ({"artifacts": [Artifact("golden.json", "onnx", "00", 1)]}, "one name"),
        ({"artifacts": [Artifact("a", "onnx", "00", 1), Artifact("b", "onnx", "00", 1)]}, "one artifact a format"),
        ({"left_out": [LeftOut("onnx", "why")]}, "onnx is among the artifacts and among the formats that were left"),
        ({"artifacts": [Artifact("a", "onnx", "00", 1, same_prediction=1.01)]}, "share of same predictions"),
        ({"artifacts": [Artifact("a", "onnx", "00", 1, largest_difference=-1.0)]}, "largest difference"),
        ({"artifacts": [Artifact("a", "onnx", "00", 1, latency_ms=-1.0)]}, "latency"),
        ({"signal_bounds": SignalBounds(lowest_rate_hz=0)}, "lowest_rate_hz"),
        ({"signal_bounds": SignalBounds(longest_spacing_us=0)}, "longest_spacing_us"),
        ({"signal_bounds": SignalBounds(longest_standstill_us=-1)}, "longest_standstill_us"),
        ({"signal_bounds": SignalBounds(largest_clipped_share=1.5)}, "largest_clipped_share"),
        ({"signal_bounds": SignalBounds(coarsest_step=-0.1)}, "coarsest_step"),
        ({"background": Background([], 0.5)}, "must state none"),
        ({"background": Background(kinds_of(["table", "table"]), 0.5)}, "different names"),
        ({"background": Background(kinds_of(["walk"]), 0.5)}, "different names"),
        ({"background": Background(kinds_of(["unknown"]), 0.5)}, "different names"),
        ({"background": Background(kinds_of([f"k{n}" for n in range(MAX_KINDS + 1)]), 0.5)}, "65 kinds"),
        ({"background": Background([BackgroundKind("", "a table")], 0.5)}, "cannot be a kind"),
        ({"background": Background([BackgroundKind("x" * 65, "a table")], 0.5)}, "cannot be a kind"),
        ({"background": Background([BackgroundKind("table", "")], 0.5)}, "title of 'table'"),
        ({"background": Background([BackgroundKind("table", "two\nlines")], 0.5)}, "title of 'table'"),
        ({"background": Background(kinds_of(["table"]), 1.5)}, "share and threshold"),
        ({"background": Background(kinds_of(["table"]), -0.5)}, "share and threshold"),
        ({"background": Background(kinds_of(["table"]), 0.5, 1.5)}, "share and threshold"),
        ({"background": Background(kinds_of(["table"]), float("nan"))}, "not a release's manifest"),
        ({"false_activity": {"lie": 1.5}}, "false-activity rate of 'lie'"),
        ({"shown_for": {"jog": ["waist"]}}, "no classes"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_rejected(changes, message):
    with pytest.raises(ReleaseError, match=message):
        decode_manifest(encode_manifest(manifest(**changes)))


def test_a_manifest_without_signal_bounds_has_the_default_ones():
    older = msgspec.json.decode(encode_manifest(manifest(signal_bounds=SignalBounds(lowest_rate_hz=25))))
    assert decode_manifest(msgspec.json.encode(older)).signal_bounds.lowest_rate_hz == 25
    del older["signal_bounds"]
    assert decode_manifest(msgspec.json.encode(older)).signal_bounds == SignalBounds()


def test_measurements_of_freezing_are_optional():
    measured = manifest(artifacts=[Artifact("network.onnx", "onnx", "00", 1, 1e-7, 1.0, 0.4)])
    assert decode_manifest(encode_manifest(measured)) == measured
    older = msgspec.json.decode(encode_manifest(manifest()))
    for name in ("largest_difference", "same_answer", "latency_ms"):
        del older["artifacts"][0][name]
    assert decode_manifest(msgspec.json.encode(older)).artifact("onnx").latency_ms is None


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b'{"schema": 1}',
        b"\xff",
        b'{"schema": 1, "release": "\xff"}',
        b'{"more": ' + b"[" * 50_000,
        b" " * (MAX_MANIFEST_BYTES + 1),
    ],
    ids=range(7),
)
def test_an_invalid_document_is_rejected(document):
    with pytest.raises(ReleaseError):
        decode_manifest(document)


def test_an_error_for_a_missing_format_lists_the_others():
    with pytest.raises(ReleaseError, match="it has: onnx"):
        manifest().artifact("litert-int8")


def test_an_error_for_a_format_that_was_left_out_says_why():
    lacking = decode_manifest(encode_manifest(manifest(left_out=[LeftOut("litert-int8", "it predicts otherwise")])))
    with pytest.raises(
        ReleaseError, match=r"has no litert-int8 artifact: it predicts otherwise \(use one that it has: onnx\)"
    ):
        lacking.artifact("litert-int8")


def test_a_manifest_without_formats_that_were_left_out_is_an_older_one():
    older = msgspec.json.decode(encode_manifest(manifest()))
    del older["left_out"]
    assert decode_manifest(msgspec.json.encode(older)) == manifest()


def test_normalisation_is_float32():
    values = Normalisation((1, 2, 3), (2, 2, 2)).apply(np.full((2, 200, 3), 5, np.float32))
    assert values.dtype == np.float32
    assert values[0, 0].tolist() == [2, 1.5, 1]


def test_the_outputs_are_the_classes_and_then_the_kinds_of_background():
    known = manifest(background=Background(kinds_of(["table", "jump"], simulated=["jump"]), 0.25, 0.75))
    assert decode_manifest(encode_manifest(known)) == known
    assert known.outputs == ["sit", "walk", "table", "jump"]
    assert known.thresholds == (0.0, 0.25, 0.75)
    assert (known.kind_title("table"), known.kind_title("lie"), known.kind_title(None)) == (
        "lying still on a table",
        None,
        None,
    )


def test_a_manifest_without_background_is_an_older_one_that_knows_no_kinds():
    older = msgspec.json.decode(encode_manifest(manifest(decision_threshold=0.5)))
    for name in ("background", "false_activity", "shown_for", "terms"):
        del older[name]
    read = decode_manifest(msgspec.json.encode(older))
    assert (read.outputs, read.kinds, read.thresholds) == (["sit", "walk"], [], (0.5, 1.0, 0.5))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_share_that_is_no_number_is_a_fault(value):
    assert "share and threshold" in str(Background(kinds_of(["table"]), value).fault())
    assert "share and threshold" in str(Background(kinds_of(["table"]), 0.5, value).fault())
