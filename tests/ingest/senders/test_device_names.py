import pytest

from har.samples import check_identifier
from ingest.senders.device_names import LONGEST, RecordingKey, device_names


def named(*keys: tuple[str, str, str]) -> list[str]:
    names = device_names([RecordingKey(*key) for key in keys])
    for name in names:
        check_identifier("device", name)
    assert len({name.casefold() for name in names}) == len(keys)
    return names


def test_names_of_usual_letters_are_kept():
    assert named(("galaxy", "user 1", "e/1"), ("phone", "anna", "anna"), ("", "u_1", "2.5")) == [
        "galaxy-user-1-e-1",
        "phone-anna",
        "u_1-2.5",
    ]


@pytest.mark.parametrize(
    ("key", "begin"),
    [
        (("Åsas telefon", "Åsa", "gå"), "Asas-telefon-Asa-ga-"),
        (("мой телефон", "Ирина", "1"), "moy-telefon-Irina-1-"),
        (("phone", "王伟", ""), "phone-WangWei-"),
        (("📱", "🏃", ""), "mobile_phone-"),
        (("", "", ""), "recording-"),
        (("---", "/", "..."), "recording-"),
        (("\udcff", "", ""), "recording-"),
        (("x" * 200, "anna", "walk"), "x" * 47 + "-anna-walk-"),
        (("x" * 200, "y" * 200, "z" * 200), "x" * 18),
        (("a b c d " * 25, "anna", ""), "a-b-c-d-"),
    ],
)
def test_other_names_can_be_recognised_and_end_with_a_mark(key, begin):
    (name,) = named(key)
    assert name.startswith(begin)
    assert len(name) <= LONGEST
    (again, _) = named(key, ("phone", "another", ""))  # a recording has the same name in any company
    assert again == name


def test_names_that_look_alike_stay_different():
    named(("phone", "王伟", ""), ("phone", "王薇", ""), ("phone", "WangWei", ""))
    named(("a-b", "c", ""), ("a", "b-c", ""), ("A", "b c", ""), ("a", "b/c", ""))
    named(*(("phone", chr(0x4E00 + number), "") for number in range(3_000)))


def test_the_same_names_in_two_data_sets_are_two_devices():
    first, second = device_names([RecordingKey("p", "u", "s", "a.csv"), RecordingKey("p", "u", "s", "b.csv")])
    assert first != second
    assert first[:6] == second[:6] == "p-u-s-"


def test_a_person_is_told_only_the_names_that_a_recording_has():
    assert str(RecordingKey("phone", "", "walk")) == "session walk, device phone"
    assert str(RecordingKey("", "", "")) == "recording"
