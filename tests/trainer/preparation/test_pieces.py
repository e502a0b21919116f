import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from har.recordings import window_labels
from har.signal_quality import SignalBounds
from har.windowing import WindowSpec, recording_windows
from tests.trainer.made_recordings import made_recording
from trainer.preparation.pieces import LONGEST_PIECE, cut_pieces, windows_of
from trainer.preparation.shards import piece_table, pieces_of_table

SPEC = WindowSpec(steps=50, rate_hz=50, hop_us=200_000)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    rate=st.sampled_from([30.0, 50.0, 104.3, 200.0]),
    hop=st.sampled_from([100_000, 200_000, 1_000_000]),
    parts=st.integers(1, 4),
)
def test_pieces_hold_every_labelled_window_once_and_bit_for_bit(seed, rate, hop, parts):
    spec = msgspec.structs.replace(SPEC, hop_us=hop)
    labels = ("sit", "walk", "stand", "lie")[:parts]
    recording = made_recording(seconds=20, rate_hz=rate, labels=labels, seed=seed)
    windows = recording_windows(recording.times, recording.axes, spec)
    shown = window_labels(recording, windows.starts, spec)
    reasons = windows.reasons(SignalBounds())
    expected = [row for row, label in enumerate(shown) if label is not None and reasons[row] is None]

    found = windows_of(cut_pieces(recording, spec), spec, labels).all()

    order = np.argsort(found.starts, kind="stable")
    np.testing.assert_array_equal(found.starts[order], windows.starts[expected])
    assert [labels[number] for number in found.labels[order]] == [shown[row] for row in expected]
    np.testing.assert_array_equal(found.values[order], windows.values[expected])


def test_pieces_are_about_as_large_as_the_recording():
    recording = made_recording(seconds=300)
    dense = msgspec.structs.replace(SPEC, steps=200, hop_us=100_000)

    pieces = list(cut_pieces(recording, dense))

    stored = sum(piece.grid.nbytes for piece in pieces)
    windows = sum(piece.windows for piece in pieces)
    assert windows * 200 * 12 > 15 * recording.axes.nbytes
    assert stored < 2.5 * recording.axes.nbytes
    assert max(piece.windows for piece in pieces) <= LONGEST_PIECE


def test_pieces_survive_conversion_to_a_table():
    pieces = list(cut_pieces(made_recording(), SPEC))

    back = pieces_of_table(piece_table(pieces))

    assert [piece.label for piece in back] == [piece.label for piece in pieces]
    for written, read in zip(pieces, back, strict=True):
        np.testing.assert_array_equal(written.grid, read.grid)


def test_only_the_chosen_labels_are_kept():
    recording = made_recording(labels=("sit", "walk", "null"))

    assert {piece.label for piece in cut_pieces(recording, SPEC)} == {"sit", "walk", "null"}
    assert {piece.label for piece in cut_pieces(recording, SPEC, ("sit", "walk"))} == {"sit", "walk"}


def test_windows_of_a_slow_phone_are_counted_and_not_trained_on():
    slow = made_recording(seconds=60, rate_hz=20)
    pieces = list(cut_pieces(slow, SPEC, ("sit", "walk")))
    assert {(piece.label, piece.reason, len(piece.grid)) for piece in pieces} == {
        ("sit", "sparse", 0),
        ("walk", "sparse", 0),
    }
    assert sum(piece.windows for piece in pieces) > 200
    assert len(windows_of(pieces, SPEC, ("sit", "walk"))) == 0
    assert pieces_of_table(piece_table(pieces))[0].reason == "sparse"
