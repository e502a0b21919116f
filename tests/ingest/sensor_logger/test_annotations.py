import pytest

from har.activity_names import ACTIVITIES, NULL_LABEL
from ingest.sensor_logger.annotations import Annotation
from ingest.sensor_logger.document import decode_push
from ingest.sensor_logger.streams import Readings, SessionReader
from tests.ingest.sensor_logger.made_documents import START_NS, START_US, TOTAL, document, entries


def typed(text, seconds: int = 0, name: str = "annotation") -> dict:
    values = {"text": text, "millisecond_press_duration": 120}
    return {"name": name, "time": START_NS + seconds * 1_000_000_000, "values": values}


def read(*payload) -> Readings:
    return SessionReader().read(decode_push(document(*payload)))


@pytest.mark.parametrize(
    ("text", "activity"),
    [
        *((name, name) for name in ACTIVITIES),
        ("Walking", "walk"),
        ("  WALK ", "walk"),
        ("stairs up", "stairsup"),
        ("walking-downstairs", "stairsdown"),
        ("cycling", "bike"),
        ("seated", "sit"),
    ],
)
def test_an_activity_begins_by_its_name_or_a_synonym(text, activity):
    assert list(read(typed(text)).annotations) == [Annotation(START_US, activity)]


@pytest.mark.parametrize("text", ["stop", "End", " STOP ", NULL_LABEL, "none", "unlabelled"])
def test_an_end_text_ends_the_activity(text):
    got = read(typed(text))
    assert list(got.annotations) == [Annotation(START_US, None)]
    assert got.notes == []


@pytest.mark.parametrize(
    ("text", "word"), [("coffee", "coffee"), ("Tai Chi", "tai_chi"), ("walkies", "walkies"), ("Üben", "üben")]
)
def test_another_word_is_kept_with_a_note(text, word):
    got = read(typed(text))
    assert list(got.annotations) == [Annotation(START_US, word)]
    assert len(got.notes) == 1 and "a word of your own" in got.notes[0]


@pytest.mark.parametrize("text", ["coffee & cake with Ann", "", "   ", None, "ünïcode 🚶", "5 steps", "a" * 33])
def test_an_unrecognised_text_is_returned_with_a_note(text):
    got = read(typed(text))
    assert list(got.annotations) == [Annotation(START_US, None, unrecognised=text or "")]
    assert len(got.notes) == 1 and "sit, stand, walk" in got.notes[0]


def test_annotations_are_sorted_by_time():
    got = read(typed("stop", 5), entries("totalAcceleration", TOTAL), typed("walk", 2, name="Annotation"))
    assert [(annotation.time, annotation.activity) for annotation in got.annotations] == [
        (START_US + 2_000_000, "walk"),
        (START_US + 5_000_000, None),
    ]
    assert len(got) == 50


def test_a_document_with_annotations_only_is_valid():
    got = read(typed("walk"))
    assert len(got) == 0 and got.notes == []
