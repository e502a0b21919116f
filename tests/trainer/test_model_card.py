import msgspec

from model_store.release_folder import open_release
from trainer.model_card import model_card

MANIFEST = open_release("baseline").manifest


def test_a_card_says_what_becomes_of_what_is_no_class():
    changed = msgspec.structs.replace(MANIFEST, decision_threshold=0.61, false_activity_rate=0.4321)
    card = model_card(changed, [])
    assert "reaches a probability of 0.61 the answer is `unknown`" in card
    assert "43% of such windows" in card
    assert "`unknown`" not in model_card(MANIFEST, [])


def test_a_personal_release_says_that_its_figures_are_of_the_same_people():
    card = model_card(msgspec.structs.replace(MANIFEST, personal=True), [])
    assert "This is a personal release" in card
    assert "say nothing about anybody else" in card
    assert "personal release" not in model_card(MANIFEST, [])
