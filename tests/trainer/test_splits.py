import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.splits import (
    RESERVED_TEST_USERS,
    ReservedTestUserError,
    device_of,
    reject_reserved_test_users,
    training_people,
    user_folds,
)

PEOPLE = st.builds(
    "{}/u{:02}".format,
    st.sampled_from(["galaxy_s2", "galaxy_s8", "nexus4"]),
    st.integers(min_value=1, max_value=30),
)
TRAINABLE = PEOPLE.filter(lambda person: person not in RESERVED_TEST_USERS)


def test_the_reserved_test_users_are_waist_u21_to_u24_and_pocket_u06() -> None:
    assert {
        "galaxy_s2/u21",
        "galaxy_s2/u22",
        "galaxy_s2/u23",
        "galaxy_s2/u24",
        "galaxy_s8/u06",
    } == RESERVED_TEST_USERS


@pytest.mark.parametrize("person", sorted(RESERVED_TEST_USERS))
def test_training_rejects_each_reserved_test_user(person: str) -> None:
    with pytest.raises(ReservedTestUserError, match=person):
        reject_reserved_test_users(["galaxy_s2/u01", person])
    with pytest.raises(ReservedTestUserError):
        user_folds(["galaxy_s2/u01", person], 2)


def test_same_user_name_on_another_device_is_another_person() -> None:
    reject_reserved_test_users(["galaxy_s2/u06"])
    assert training_people(["galaxy_s2/u06", "galaxy_s8/u06"]) == ["galaxy_s2/u06"]


@given(st.sets(TRAINABLE, min_size=5, max_size=60), st.integers(2, 5), st.integers(0, 3))
def test_each_person_is_in_one_fold_and_devices_are_spread(people: set[str], count: int, seed: int) -> None:
    folds = user_folds(people, count, seed)
    assert len(folds) == count
    dealt = [person for fold in folds for person in fold]
    assert sorted(dealt) == sorted(people)
    for device in {device_of(person) for person in people}:
        sizes = [sum(device_of(person) == device for person in fold) for fold in folds]
        assert max(sizes) - min(sizes) <= 1
    assert folds == user_folds(sorted(people, reverse=True), count, seed)


def test_too_few_people_for_the_folds_is_an_error() -> None:
    with pytest.raises(ValueError, match="1 people"):
        user_folds(["galaxy_s2/u01"], 2)
