from collections import Counter

import numpy as np
import pytest

from har.recordings import RecordingError
from trainer.preparation.class_choice import EVERY_CLASS, asks_for, choose_classes


def test_an_activity_needs_windows_to_train_on_and_one_that_is_held_out():
    training = {"p/a": Counter(walk=15, juggle=19, run=30), "p/b": Counter(walk=5, sit=40)}
    validation = {"p/c": Counter(walk=3, sit=2, juggle=9, dive=9)}

    choice = choose_classes(["walk", "sit", "juggle", "run", "dive", "null"], training, validation, personal=False)

    assert choice.taken == choice.required() == ("sit", "walk")
    assert choice.not_taken == {
        "dive": "no training window, but 20 are needed: record more of it",
        "juggle": "19 training windows, but 20 are needed: record more of it",
        "run": "nobody who is held out shows it: record it with more people",
    }
    in_time = choose_classes(["run"], training, validation, personal=True)
    assert "hold out a larger share" in in_time.not_taken["run"]


def test_too_few_activities_are_an_error_with_every_reason():
    choice = choose_classes(["walk", "sit"], {"p/a": Counter(walk=30, sit=2)}, {"p/a": Counter(walk=1)}, personal=True)
    with pytest.raises(RecordingError, match=r"only walk suffices\. sit: 2 training windows, but 20 are needed"):
        choice.required()
    with pytest.raises(
        RecordingError, match=r"none suffices\. The recordings have no labels: name the column .* --label"
    ):
        choose_classes(["null"], {}, {}, personal=True).required()


def test_all_asks_for_every_label_but_null():
    assert asks_for(EVERY_CLASS, ["walk", "null", "dive"]) == ["dive", "walk"]
    assert asks_for(("sit",), np.array(["walk"]).tolist()) == ("sit",)


def test_a_single_activity_is_not_said_to_be_without_labels():
    choice = choose_classes(["walk", "null"], {"p/a": Counter(walk=30)}, {"p/a": Counter(walk=1)}, personal=True)
    with pytest.raises(RecordingError, match=r"only walk suffices\. The recordings have no other label"):
        choice.required()
