"""Holding out wearers: some of every data set, and the same ones when others join."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recording_files.data_sets import placement_of
from recording_files.loading import load_recordings
from trainer.preparation.plan import TEST, TRAIN, VALIDATION, split_of_people
from trainer.preparation.wearers import wearers_of
from trainer.splits import RESERVED_TEST_USERS

SHARE = 0.2


def people_in(split: str, *sources: list[str], share: float = SHARE) -> list[str]:
    splits = split_of_people(wearers_of(sources), share)
    return [person for person, theirs in splits.items() if theirs == split]


def test_people_with_unknown_phones_are_held_out_too() -> None:
    people = [f"phone_{number}/user_{number}" for number in range(12)]
    assert people_in(VALIDATION, people)
    assert people_in(TRAIN, people)


def test_data_set_of_one_wearer_is_grouped_with_unknown_phones() -> None:
    assert len(people_in(VALIDATION, ["galaxy_s8/u01"], ["phone/anna"])) == 1


USERS = st.sets(st.text("abcdefgh", min_size=1, max_size=3), min_size=2, max_size=12)


@given(users=USERS, share=st.sampled_from([0.01, 0.2, 0.5, 0.99]), pocket=USERS)
def test_every_group_has_wearers_in_both_splits(users: set[str], share: float, pocket: set[str]) -> None:
    own, known = [f"{user}_phone/{user}" for user in users], [f"galaxy_s8/{user}" for user in pocket]
    for split in (TRAIN, VALIDATION):
        found = people_in(split, own, known, share=share)
        assert set(own) & set(found)
        assert set(known) & set(found)


@given(users=USERS, joining=USERS)
def test_wearers_below_the_share_stay_when_others_join(users: set[str], joining: set[str]) -> None:
    def low(names: set[str]) -> set[str]:
        # Many others, so that no wearer validates only because the group has no other.
        crowd = [f"phone/crowd_{number}" for number in range(40)]
        return set(people_in(VALIDATION, [*crowd, *(f"phone/{name}" for name in names)]))

    after = low(users | joining)
    assert low(users) == {person for person in after if person.partition("/")[2] in users or "crowd" in person}


@pytest.mark.parametrize("before", ["phone", "nexus4_1", "galaxy_s2"])
def test_another_phone_does_not_change_the_split(before: str) -> None:
    people = [f"{before}/user_{number}" for number in range(20)]
    further = [f"a_new_phone/user_{number}" for number in range(20)]
    held_out = people_in(VALIDATION, people)
    assert [person for person in people_in(VALIDATION, [*people, *further]) if person in people] == held_out


@pytest.mark.recordings
def test_enough_people_of_the_real_recordings_validate_for_the_gate(shared_data) -> None:
    files = [shared_data / "hapt_24_users.parquet", shared_data / "pocket_6_users.parquet"]
    sources = [[recording.person for recording in load_recordings([file])] for file in files]
    validating = people_in(VALIDATION, *sources)
    assert len(validating) >= 5
    assert "pocket" in {placement_of(person) for person in validating}
    assert not set(validating) & RESERVED_TEST_USERS
    assert set(people_in(TEST, *sources)) == RESERVED_TEST_USERS


def test_a_user_of_a_known_data_set_is_one_wearer_in_all_of_its_files():
    found = wearers_of([["umafall_phone/s01", "p/a"], ["umafall_sensortag/s01", "q/a"], ["hugadb_lt/s01"]])
    assert found["umafall_phone/s01"] == found["umafall_sensortag/s01"] == "umafall_phone/s01"
    assert (found["p/a"], found["q/a"], found["hugadb_lt/s01"]) == ("p/a", "q/a", "hugadb_lt/s01")
