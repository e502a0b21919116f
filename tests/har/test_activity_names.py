"""The vocabulary of activities: synonyms, own words, and their canonical form."""

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from har.activity_names import (
    ACTIVITIES,
    MAX_NAME,
    MAX_TEXT,
    NULL_LABEL,
    SYNONYMS,
    accepted_activity,
    canonical_activity,
    is_own_word,
    named_class,
)
from har.rejections import RejectedMessage


def test_no_synonym_names_two_activities():
    plain = [{other.replace("_", "") for other in (name, *synonyms)} for name, synonyms in SYNONYMS.items()]
    assert sum(map(len, plain)) == len(set.union(*plain))


@pytest.mark.parametrize("name", [*ACTIVITIES, NULL_LABEL])
def test_case_spaces_and_hyphens_do_not_matter(name):
    for synonym in filter(None, SYNONYMS[name]):
        spellings = (synonym, synonym.upper(), synonym.replace("_", " "), synonym.replace("_", "-"), f" {synonym}\t")
        assert {accepted_activity(spelling) for spelling in spellings} == {name}


@pytest.mark.parametrize(
    "text", ["walkies", "sit down", "stand up", "sit_to_stand", "stairs", "trot", "unknown sport", "standing desk"]
)
def test_a_similar_name_is_an_own_word(text):
    assert is_own_word(accepted_activity(text))


@given(st.text(max_size=60))
@example("İ")
@example("ﬁsh – ing")
@example("ℌ\u0327")
def test_the_canonical_form_is_final_and_normal(text):
    name = canonical_activity(text)
    assert canonical_activity(name) == name
    assert unicodedata.is_normalized("NFC", name)


@given(st.text(max_size=MAX_TEXT + 20))
def test_an_accepted_name_is_short_and_is_accepted_again(text):
    try:
        name = accepted_activity(text)
    except RejectedMessage as rejected:
        assert rejected.code == "activity"
        return
    assert 1 <= len(name) <= MAX_NAME
    assert name[0].isalpha()
    assert accepted_activity(name) == name


@pytest.mark.parametrize(
    "text", ["", " ", "_", "-", "7", "🚶", "a.b", "a/b", "<b>", "a\nb!", "x\u202ey", "x\0y", "a" * 33]
)
def test_what_cannot_be_a_name_is_rejected(text):
    with pytest.raises(RejectedMessage, match="cannot name an activity: use 1 to 32 letters"):
        accepted_activity(text)


def test_a_class_of_a_foreign_release_is_found_by_its_meaning():
    assert named_class("rope_skipping", ["Walking", "Rope-Skipping"]) == "Rope-Skipping"
    assert named_class("walk", ["walk", "Walking"]) == "walk"


@pytest.mark.parametrize(("page", "field"), [("dashboard/web", "label-own"), ("ingest/phone_page", "own-word")])
def test_the_fields_for_own_words_take_as_many_characters_as_the_gateway(page, field):
    html = (Path(__file__).parents[2] / page / "index.html").read_text("utf-8")
    [tag] = re.findall(rf'<input id="{field}"[^>]*>', html)
    assert f'maxlength="{MAX_NAME}"' in tag
