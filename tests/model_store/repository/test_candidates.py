"""Counting the candidates that were judged since stable last changed."""

import json
import threading

import pytest

from har.release_documents import ReleaseError
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


def test_repeated_candidate_counts_once_and_namesake_separately(store):
    one = store.publish("one")
    for again in range(2):
        assert count_candidate(store.storage, "best", "first-weights", against=one) == 1, again
    assert count_candidate(store.storage, "best", "other-weights", against=one) == 2
    assert count_candidate(store.storage, "best", "first-weights", against=one) == 2


def test_concurrent_candidates_are_all_counted(store):
    threads = [
        threading.Thread(target=count_candidate, args=(store.storage, name, "w"), kwargs={"against": None})
        for name in "abcdefgh"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count_candidate(store.storage, "a", "w", against=None) == 8


def test_records_of_candidates_are_readable(store):
    one = store.publish("one")
    count_candidate(store.storage, "two", "abc", against=one)
    kept = json.loads(store.storage.read("candidates/after-change-1/two.abc.json", limit=1_000))
    assert (kept["release"], kept["weights"], kept["against"]) == ("two", "abc", "one")


def test_invalid_name_is_rejected(store):
    with pytest.raises(ReleaseError):
        count_candidate(store.storage, "../../evil", "w", against=None)


def test_candidates_are_counted_in_object_storage(s3_store):
    storage = s3_store.storage
    assert [count_candidate(storage, name, "w", against=None) for name in ("one", "two", "one")] == [1, 2, 2]
