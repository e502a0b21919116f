"""The audit computes what personal heads make of each window, with the heads that the store still has."""

import msgspec
import pytest

from deploy.audit.findings import Audit
from deploy.audit.known_heads import KnownHeads
from deploy.audit.text import describe
from har.personal_head import PersonalHead
from tests.deploy.audit.test_chain import CLASSES, MANIFEST, SECOND, WINDOWS, audited, expected, published
from tests.har.made_heads import identity_head


def head(number: int, from_second: int, *, sit: float = 0.3) -> PersonalHead:
    """Return a head that raises the logarithm of sitting, for a phone that lies or leans."""
    weights = [[float(row == column) for column in range(4)] for row in range(7)]
    return identity_head(
        device="phone",
        number=number,
        release="r1",
        outputs=CLASSES,
        classes=4,
        weights=weights,
        offsets=[sit, 0.0, 0.0, 0.0],
        seconds={},
        effective=from_second * SECOND,
    )


HEADS = head(4, 3), head(9, 7, sit=0.6)


def audited_with(heads, made, **more) -> Audit:
    reference = expected(WINDOWS)
    reference.heads = KnownHeads({"phone": list(heads)}, MANIFEST)
    return audited(reference, made, **more)


def remarks(found: Audit) -> dict[str, int]:
    return {name: finding.count for name, finding in found.remarks.items() if finding.count}


def test_the_answers_of_heads_are_computed_and_so_are_the_references_after_them():
    made = published(WINDOWS, heads=HEADS)
    assert {prediction.personal for prediction in made} == {None, 4, 9}
    assert any(prediction.personal and prediction.lean is not None for prediction in made)
    found = audited_with(HEADS, made)
    assert found.is_clean
    assert not remarks(found)
    assert found.windows_with_head == 7
    assert f"{found.windows_with_head} with a personal head" in describe(found)


@pytest.mark.parametrize("tolerance", [0.0, 0.01])
def test_an_answer_that_the_named_head_does_not_give_differs(tolerance):
    made = published(WINDOWS, heads=(HEADS[0], head(9, 7, sit=2.0)))
    found = audited_with(HEADS, made, tolerance=tolerance)
    assert found.differing.count == 3
    assert found.differing.examples[0].start == 7 * SECOND


def test_a_head_that_does_not_apply_to_the_window_differs():
    elsewhere = msgspec.structs.replace(HEADS[0], directions=[(0.0, 0.0, -1.0)])
    bare = published(WINDOWS)
    made = [msgspec.structs.replace(bare[3], personal=4), *bare[:3], *bare[4:]]
    found = audited_with([elsewhere], made)
    assert found.differing.count == 1
    assert "the personal head is 4 instead of None" in found.differing.examples[0].detail
    of_other_release = msgspec.structs.replace(HEADS[0], release="r2")
    assert audited_with([of_other_release], made).differing.count == 1


@pytest.mark.parametrize("kept", [(), HEADS[1:]], ids=["forgotten", "too old"])
def test_windows_whose_head_is_gone_are_a_remark_and_what_follows_is_computed(kept):
    made = published(WINDOWS, heads=HEADS)
    found = audited_with(kept, made)
    assert found.is_clean
    assert remarks(found) == {"personal heads unknown": 4 if kept else 7}
    assert found.windows_compared == len(made) - remarks(found)["personal heads unknown"]
    assert "personal heads unknown" in describe(found)
    wrong = msgspec.structs.replace(made[-1], confidence=0.1, personal=9 if kept else None)
    assert audited_with(kept, [*made[:-1], wrong]).differing.count == 1


def test_without_a_store_no_head_is_known():
    found = audited(expected(WINDOWS), published(WINDOWS, heads=HEADS))
    assert found.is_clean
    assert remarks(found) == {"personal heads unknown": 7}


def test_windows_that_another_head_should_have_corrected_are_a_remark():
    made = published(WINDOWS, heads=(HEADS[0],))  # the second one was not loaded in time
    found = audited_with(HEADS, made)
    assert found.is_clean
    assert remarks(found) == {"other personal heads": 3}
    assert found.other_head.examples[0].detail == "personal head 4 instead of 9"
    assert remarks(audited_with(HEADS, published(WINDOWS))) == {"other personal heads": 7}
    early = published(WINDOWS, heads=(head(4, 2),))
    assert remarks(audited_with([head(4, 3)], early)) == {"other personal heads": 1}


def test_two_answers_for_a_window_contradict_each_other_unless_a_head_of_one_is_gone():
    made = published(WINDOWS, heads=HEADS)
    bare = published(WINDOWS)
    assert audited_with(HEADS, [*made, bare[-1]]).contradicted.count == 1
    assert audited_with((), [*made, bare[-1]]).contradicted.count == 0
