"""How many candidates were judged since what is stable last changed."""

import json
import threading

import pytest

from har.releases import ReleaseError
from model_store.repository.candidates import count_candidate
from model_store.repository.publishing import rollback


def test_candidates_are_counted_since_stable_last_changed(store):
    assert count_candidate(store.storage, "one", "w1", against=None) == 1
    one = store.publish("one")
    assert [count_candidate(store.storage, name, name, against=one) for name in ("two", "three", "four")] == [1, 2, 3]
    four = store.publish("four")
    assert count_candidate(store.storage, "five", "w5", against=four) == 1
    back = rollback(store.storage, store.signing)
    assert count_candidate(store.storage, "six", "w6", against=back) == 1


def test_a_candidate_that_is_judged_again_counts_once_and_another_of_its_name_for_itself(store):
    one = store.publish("one")
    for again in range(2):
        assert count_candidate(store.storage, "best", "first-weights", against=one) == 1, again
    assert count_candidate(store.storage, "best", "other-weights", against=one) == 2
    assert count_candidate(store.storage, "best", "first-weights", against=one) == 2


def test_candidates_that_are_judged_at_once_are_all_counted(store):
    threads = [
        threading.Thread(target=count_candidate, args=(store.storage, name, "w"), kwargs={"against": None})
        for name in "abcdefgh"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count_candidate(store.storage, "a", "w", against=None) == 8


def test_what_was_judged_is_kept_for_people_to_read(store):
    one = store.publish("one")
    count_candidate(store.storage, "two", "abc", against=one)
    kept = json.loads(store.storage.read("candidates/after-change-1/two.abc.json", limit=1_000))
    assert (kept["release"], kept["weights"], kept["against"]) == ("two", "abc", "one")


def test_a_name_that_leads_elsewhere_is_rejected(store):
    with pytest.raises(ReleaseError):
        count_candidate(store.storage, "../../evil", "w", against=None)


def test_they_are_counted_in_object_storage_too(s3_store):
    storage = s3_store.storage
    assert [count_candidate(storage, name, "w", against=None) for name in ("one", "two", "one")] == [1, 2, 2]
