import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.personal_fitting import PersonalisationError, covered_seconds, fit_head
from har.personal_head import LARGEST_ODDS_CUT, HeldBack, decode_head, encode_head
from har.predictions import Prediction
from har.release_documents import ReleaseError
from tests.har.made_heads import FLAT, OUTPUTS, SECOND, UPRIGHT, confused_wearer, identity_head, labelled
from tests.har.test_releases import manifest

WINDOW_US = 4 * SECOND


def fitted(windows):
    found = fit_head(windows, OUTPUTS, classes=3, length_us=WINDOW_US)
    return identity_head(weights=found.weights, offsets=found.offsets, directions=found.directions), found


@given(st.lists(st.floats(1e-5, 1), min_size=4, max_size=4))
def test_the_identity_keeps_the_network_s_answer(values):
    probabilities = [value / sum(values) for value in values]
    assert identity_head().corrected(probabilities, FLAT) == pytest.approx(probabilities, rel=1e-9)


def test_a_phone_in_another_orientation_gets_no_correction():
    head = identity_head()
    assert head.corrected([0.25] * 4, FLAT) is not None
    assert head.corrected([0.25] * 4, (0.0, 7.0, 6.9)) is None  # 45.4 degrees away
    assert head.corrected([0.25] * 4, (0.0, 6.9, 7.0)) is not None  # 44.6 degrees
    assert head.corrected([0.25] * 4, (0.0, 0.0, 0.0)) is None


@given(
    st.lists(st.floats(1e-3, 1), min_size=4, max_size=4),
    st.lists(st.lists(st.floats(-3, 3), min_size=4, max_size=4), min_size=7, max_size=7),
)
def test_no_head_cuts_the_odds_of_the_background_further_than_the_limit(values, weights):
    probabilities = [value / sum(values) for value in values]
    corrected = identity_head(weights=weights).corrected(probabilities, FLAT)
    assert math.fsum(corrected) == pytest.approx(1)
    before, after = probabilities[3], corrected[3]
    assert after * (1 - before) * LARGEST_ODDS_CUT >= before * (1 - after) * (1 - 1e-9)


@pytest.mark.parametrize("offset", [-200.0, -720.0, -1000.0])
@pytest.mark.parametrize("table", [0.0, 0.3, 1.0, 1.0000001])
def test_a_head_that_leaves_nothing_of_the_background_is_held_to_the_limit_too(offset, table):
    head = identity_head(offsets=[0.0, 0.0, 0.0, offset])
    corrected = head.corrected([(1 - min(table, 1)) / 3] * 3 + [table], FLAT)
    assert math.fsum(corrected) == pytest.approx(1)
    share = min(table, 1)
    assert corrected[3] == pytest.approx(share / (share + LARGEST_ODDS_CUT * (1 - share)))


def test_a_head_learns_what_the_network_confuses_and_where_gravity_points():
    head, found = fitted(confused_wearer())
    for gravity, activity in ((FLAT, 0), (UPRIGHT, 1)):
        corrected = head.corrected([0.3, 0.6, 0.05, 0.05], gravity)
        assert corrected.index(max(corrected)) == activity
    assert found.held_back.right_before == 0.5
    assert found.held_back.right_after == 1.0
    assert found.seconds == {"sit": 22.0, "stand": 22.0}
    assert len(found.directions) == 2


def test_fitting_depends_on_the_windows_only_and_not_on_their_order():
    windows = confused_wearer()
    assert fitted(windows)[1] == fitted(windows[::-1])[1]


def test_too_little_labelled_time_is_named():
    # Six windows of 4 s, 2 s apart, cover 14 s.
    short = labelled("sit", 6, [0.3, 0.6, 0.05, 0.05], FLAT)
    long = labelled("stand", 7, [0.3, 0.6, 0.05, 0.05], UPRIGHT, first=60 * SECOND)
    with pytest.raises(PersonalisationError, match=r"15 s of .* at least 2 .* labelled are: sit 14 s, stand 16 s"):
        fitted(short + long)
    with pytest.raises(PersonalisationError, match="labelled are: none"):
        fitted([])


def test_a_head_that_does_not_answer_held_back_windows_better_is_not_made():
    # The last third of the time contradicts the first two thirds.
    contradictory = labelled("sit", 20, [0.3, 0.6, 0.05, 0.05], FLAT) + labelled(
        "sit", 10, [0.6, 0.3, 0.05, 0.05], UPRIGHT, first=60 * SECOND
    )
    contradictory += labelled("stand", 20, [0.3, 0.6, 0.05, 0.05], UPRIGHT, first=200 * SECOND)
    contradictory += labelled("stand", 10, [0.3, 0.6, 0.05, 0.05], FLAT, first=300 * SECOND)
    with pytest.raises(
        PersonalisationError, match=r"would not answer better: 100% .* right without it, and 0% with it"
    ):
        fitted(contradictory)


def test_held_back_windows_are_answered_as_the_head_will_answer():
    # The network takes this wearer's sitting for a table. The odds of the background are cut by 4 at most.
    surely_a_table = labelled("sit", 10, [0.04, 0.02, 0.02, 0.92], FLAT)
    standing = labelled("stand", 10, [0.02, 0.9, 0.02, 0.06], UPRIGHT, first=60 * SECOND)
    head, found = fitted(surely_a_table + standing)
    corrected = head.corrected([0.04, 0.02, 0.02, 0.92], FLAT)
    assert corrected.index(max(corrected)) == 3
    assert (found.held_back.right_before, found.held_back.right_after) == (0.5, 0.5)


def test_held_back_windows_of_a_phone_worn_otherwise_keep_the_network_s_answer():
    seated = labelled("sit", 20, [0.3, 0.6, 0.05, 0.05], FLAT)
    seated += labelled("sit", 10, [0.3, 0.6, 0.05, 0.05], (9.8, 0.0, 0.3), first=60 * SECOND)
    standing = labelled("stand", 30, [0.3, 0.6, 0.05, 0.05], UPRIGHT, first=200 * SECOND)
    found = fitted(seated + standing)[1].held_back
    assert (found.right_before, found.right_after) == (0.5, 0.5)


def test_a_head_that_is_right_as_often_is_accepted_whatever_the_order_of_the_right_windows():
    # In the held-back windows the network is right on other ones than the head, and on as many.
    improved = HeldBack(40, 0.1 + 0.2, 0.3, 0.9, 0.1)
    assert improved.right_after < improved.right_before and improved.improves
    assert not HeldBack(40, 0.30001, 0.3, 0.9, 0.1).improves


def test_windows_that_do_not_overlap_cover_their_own_time_and_sessions_count_apart():
    apart = labelled("sit", 3, [], FLAT, hop_us=10 * SECOND)
    assert covered_seconds(apart, WINDOW_US) == 12
    assert covered_seconds(apart + labelled("sit", 3, [], FLAT, session="s2", hop_us=SECOND), WINDOW_US) == 18


def test_a_head_survives_encoding():
    head = fitted(confused_wearer())[0]
    assert decode_head(encode_head(head)) == head


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"number": 0}, "numbered from 1"),
        ({"weights": [[1.0] * 4] * 4}, "7 rows of 4 numbers"),
        ({"offsets": [0.0] * 3}, "4 offsets"),
        ({"offsets": [0.0, 0.0, 0.0, 1e9]}, "not finite or beyond"),
        ({"directions": []}, "unit vector"),
        ({"directions": [(0.0, 0.0, 2.0)]}, "unit vector"),
        ({"seconds": {"table": 20.0}}, "no classes"),
        ({"outputs": ["sit", "sit", "walk", "table"]}, "different outputs"),
        ({"classes": 5}, "2 to 4 classes"),
        ({"release": "../tiny"}, "release's name"),
    ],
)
def test_a_head_that_contradicts_itself_is_rejected(changes, message):
    with pytest.raises(ReleaseError, match=message):
        encode_head(identity_head(**changes))
    with pytest.raises(ReleaseError, match=message):
        decode_head(msgspec.json.encode(identity_head(**changes)))


def test_what_is_no_head_is_rejected():
    with pytest.raises(ReleaseError, match="personal head"):
        decode_head(b"{}")
    with pytest.raises(ReleaseError):
        decode_head(b"x" * 100_000)


def test_a_prediction_says_which_head_corrected_it():
    release = manifest(classes=["sit", "stand", "walk"])
    row = np.array([0.3, 0.6, 0.1], np.float32)
    head = identity_head(
        outputs=release.classes,
        weights=[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], *[[0.0] * 3] * 3],  # sit and stand are exchanged
        offsets=[0.0] * 3,
        number=7,
        release=release.release,
    )
    flat, upright = (np.tile(np.array(gravity, np.float32), (200, 1)) for gravity in (FLAT, UPRIGHT))

    def predicted(values):
        return Prediction.of_window(release, "phone-1", "s1", 0, row, 0, head=head, values=values)

    assert (predicted(flat).activity, predicted(flat).personal) == ("sit", 7)
    assert (predicted(upright).activity, predicted(upright).personal) == ("stand", None)
