import msgspec

from har.background import Background, kinds_of
from model_store.release_folder import open_release
from trainer.releases.model_card import model_card

MANIFEST = open_release("baseline").manifest


def card(manifest, **changes):
    return model_card(msgspec.structs.replace(manifest, **changes), [])


def test_a_card_explains_what_is_predicted_for_other_activities():
    plain = msgspec.structs.replace(MANIFEST, background=None, false_activity={})
    assert "`unknown` if no class reaches a probability of 0.61" in card(plain, decision_threshold=0.61)
    assert "`unknown`" not in card(plain, decision_threshold=0.0)


def test_a_card_lists_the_kinds_of_background_and_how_often_they_are_taken_for_activities():
    background = Background(kinds_of(["table", "vehicle"], simulated=["vehicle"]), largest_share=0.5)
    text = card(MANIFEST, background=background, false_activity={"table": 0.0123}, shown_for={"walk": ["pocket"]})
    assert "predicts `unknown` for them: lying still on a table, in a vehicle" in text
    assert "simulated and were never recorded: in a vehicle." in text
    assert "| table | 1.2% |" in text
    assert "- walk: pocket" in text


def test_a_personal_card_says_that_the_results_are_of_the_same_people():
    card = model_card(msgspec.structs.replace(MANIFEST, personal=True), [])
    assert "This is a personal release" in card
    assert "do not hold for anybody else" in card
    assert "personal release" not in model_card(MANIFEST, [])


def card_of(protocols, **changes):
    scores = next(iter(MANIFEST.metrics.values()))
    metrics = {f"{protocol}, waist": scores for protocol in protocols}
    return model_card(msgspec.structs.replace(MANIFEST, metrics=metrics, **changes), [])


def test_only_the_protocols_that_were_measured_are_explained():
    trained = card_of(["held-out users"])
    assert "*Held-out users*: not trained on" in trained
    assert "ross-validation" not in trained
    assert "eserved test users" not in trained
    baseline = card_of(["cross-validation in 5 folds by user", "reserved test users"])
    assert "*Cross-validation*: the training users, split into folds" in baseline
    assert "*Reserved test users*: never trained on" in baseline
    assert "Held-out users" not in baseline
    for card in (trained, baseline):
        assert "nobody was tested by a network that was trained on them" in card
    assert "Not measured." in card_of([])
    assert "Windows with a single label" not in card_of([])


def test_a_personal_card_does_not_claim_unseen_people():
    card = card_of(["held out in time"], personal=True)
    assert "*Held out in time*: the end of each activity's recording, of the people that were trained on" in card
    assert "nobody was tested" not in card
    assert "not trained on." not in card


def test_untrained_activities_follow_from_the_classes():
    card = card_of(["held-out users"], classes=["bike", "lie", "walk"], decision_threshold=0.0, background=None)
    assert "The training windows contain only bike, lie, walk. For other activities, the prediction is one" in card
    assert "cycles" not in card
    assert "tanding" not in card  # neither sway nor how standing was developed


def test_sentences_about_known_data_sets_are_left_out_for_other_recordings():
    own = card_of(["held-out users"], training_users=["home_made/anna", "home_made/ben"], background=None)
    for text in ("developed with", "No simulated signals"):
        assert text not in own
        assert text in card_of(["held-out users"], training_users=["galaxy_s8/u01"], background=None)
    assert "only sway distinguishes" in own
    mixed = card_of(["held-out users"], training_users=["home_made/anna", "galaxy_s8/u01"])
    assert "developed with recordings of Pocket recordings, Samsung Galaxy S8," in mixed
    assert "No simulated signals" not in mixed
