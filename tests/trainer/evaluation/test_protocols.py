"""The protocols, tested with a nearest-neighbour classifier."""

import numpy as np
import pytest

from har.recordings import Recording
from har.signal_quality import SignalBounds
from har.windowing import WindowSpec
from trainer.evaluation import protocols
from trainer.evaluation.pools import PoolSpec, make_pools
from trainer.evaluation.protocols import ProtocolError
from trainer.evaluation.scores import measure
from trainer.splits import ReservedTestUserError

CLASSES = ("sit", "walk")
SPEC = WindowSpec(steps=50, hop_us=200_000)
SECOND = 1_000_000


def recording(user: str, device: str = "p", *, model: str = "m", seconds: int = 30, habit: int = 0) -> Recording:
    """Sit, lie and walk, a third each; a `habit` of 1 swaps the signals of sitting and walking."""
    times = np.arange(seconds * 50) * 20_000
    labels = np.repeat(np.array(["sit", "lie", "walk"]), len(times) // 3)
    rng = np.random.default_rng(int(user[1:]))
    # Differences between people are larger than those between activities.
    base = np.where(labels == "walk", 0.5, -0.5) * (1 if habit == 0 else -1)
    axes = np.stack([base, np.full(len(times), 10.0 * int(user[1:])), np.full(len(times), 9.8)], axis=1)
    return Recording(
        user, device, model, "s", times, (axes + rng.normal(0, 0.02, axes.shape)).astype(np.float32), labels
    )


def pools_of(recordings, wearers=None):
    people = wearers or {each.person: each.person for each in recordings}
    return make_pools(recordings, pool_spec(people))


def pool_spec(wearers) -> PoolSpec:
    return PoolSpec(classes=CLASSES, training_windows=SPEC, windows=SPEC, wearers=wearers, signal_bounds=SignalBounds())


def nearest_neighbour(seen=None):
    """Train by storing the windows; append the people of each training to `seen`."""

    def train(examples):
        if seen is not None:
            seen.append(set(examples.people.tolist()))
        known = examples.values.mean(axis=1)

        def classify(windows):
            distances = np.linalg.norm(windows.mean(axis=1)[:, None] - known[None], axis=2)
            return np.eye(len(CLASSES), dtype=np.float32)[examples.labels[distances.argmin(axis=1)]]

        return classify

    return train


PEOPLE = [f"u{number}" for number in range(1, 7)]


def test_every_user_is_tested_once_by_a_network_not_trained_on_them():
    pools = pools_of([recording(user) for user in PEOPLE])
    seen: list[set[str]] = []
    protocol = protocols.by_user(pools, 3)
    outcomes = protocols.run(protocol, nearest_neighbour(seen))
    assert len(outcomes) == len(pools.measured)
    tested = [set(pools.measured.people[fold.test].tolist()) for fold in protocol.folds]
    assert all(not trained & people for trained, people in zip(seen, tested, strict=True))
    assert sorted(person for people in tested for person in people) == [f"p/{user}" for user in PEOPLE]
    assert not protocol.warning
    assert outcomes.labels == ("sit", "walk", "lie")
    assert (~outcomes.known).sum() > 0


def test_only_given_people_are_tested_and_all_others_are_trained_on():
    pools = pools_of([recording(user) for user in PEOPLE])
    seen: list[set[str]] = []
    outcomes = protocols.run(protocols.by_user(pools, 2, tested=["p/u1", "p/u2"]), nearest_neighbour(seen))
    assert set(outcomes.people.tolist()) == {"p/u1", "p/u2"}
    assert all(len(trained) == 5 for trained in seen)


def test_a_wearer_is_held_out_with_all_phones():
    recordings = [recording(user, device) for user in PEOPLE[:3] for device in ("p", "q")]
    wearers = {each.person: f"p/{each.user}" for each in recordings}
    seen: list[set[str]] = []
    protocol = protocols.leave_one_user_out(pools_of(recordings, wearers))
    protocols.run(protocol, nearest_neighbour(seen))
    assert len(protocol.folds) == 3
    assert seen[0] == {"p/u2", "q/u2", "p/u3", "q/u3"}


def test_a_model_is_tested_by_a_network_not_trained_on_it():
    recordings = [recording(user, user, model=f"model {place % 3}") for place, user in enumerate(PEOPLE)]
    protocol = protocols.leave_one_model_out(pools_of(recordings))
    assert [fold.name for fold in protocol.folds] == ["without model 0", "without model 1", "without model 2"]
    for fold in protocol.folds:
        trained, tested = protocol.pools.train.take(fold.train), protocol.pools.measured.take(fold.test)
        assert not set(trained.models.tolist()) & set(tested.models.tolist())
    assert not protocol.warning


def test_a_model_whose_people_are_trained_on_with_another_gives_a_warning():
    recordings = [recording(user, device, model=device) for user in PEOPLE[:2] for device in ("p", "q")]
    wearers = {each.person: f"p/{each.user}" for each in recordings}
    assert "another model" in protocols.leave_one_model_out(pools_of(recordings, wearers)).warning


def test_the_leaky_split_overrates_a_classifier_that_memorises_people():
    recordings = [recording(user, habit=int(user[1:]) % 2) for user in PEOPLE]
    pools = pools_of(recordings)
    leaky = protocols.leaky(pools)
    honest = measure(protocols.run(protocols.leave_one_user_out(pools), nearest_neighbour())).accuracy
    flattered = measure(protocols.run(leaky, nearest_neighbour())).accuracy
    assert flattered == 1.0
    assert honest < 0.3  # the nearest person has the opposite habit
    assert "overlapping" in leaky.warning
    (fold,) = leaky.folds
    trained, tested = pools.train.take(fold.train), pools.measured.take(fold.test)
    places = [set(zip(each.people.tolist(), each.starts.tolist(), strict=True)) for each in (trained, tested)]
    assert not places[0] & places[1]


def test_a_split_in_time_shares_no_readings():
    recordings = [recording("u1", seconds=60)]
    protocol = protocols.blocked_in_time(recordings, pool_spec({"p/u1": "p/u1"}), held_out_share=0.3)
    trained, tested = protocol.pools.train, protocol.pools.measured
    assert len(trained) > len(tested) > 0
    for start in tested.starts:
        assert not (np.abs(trained.starts - start) < SPEC.length_us).any()
    assert measure(protocols.run(protocol, nearest_neighbour())).accuracy == 1.0
    assert "Too few people" in protocol.warning


def test_unsuitable_recordings_are_rejected_with_the_reason():
    few = pools_of([recording("u1"), recording("u2")])
    with pytest.raises(ProtocolError, match="2 people cannot be divided into 5 folds; choose fewer folds"):
        protocols.by_user(few, 5)
    with pytest.raises(ProtocolError, match="at least 2 models"):
        protocols.leave_one_model_out(few)
    with pytest.raises(ProtocolError, match="at least 2 users"):
        protocols.leave_one_user_out(pools_of([recording("u1")]))
    with pytest.raises(ProtocolError, match="nobody to test"):
        protocols.by_user(few, 2, tested=["p/u9"])
    with pytest.raises(ProtocolError, match="long enough"):
        protocols.blocked_in_time([recording("u1", seconds=3)], pool_spec({"p/u1": "p/u1"}))


def test_reserved_test_users_are_in_no_protocol():
    with pytest.raises(ReservedTestUserError, match="galaxy_s2/u21"):
        pools_of([recording("u21", "galaxy_s2"), recording("u1")])
