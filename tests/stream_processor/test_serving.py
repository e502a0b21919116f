"""Which release classifies which window, by the arrival time of its last reading."""

import asyncio
import time

import pytest

from har.channels import is_canary
from model_store.onnx_classifier import OnnxClassifier
from model_store.release_folder import open_release
from stream_processor.serving import KEPT_CHANGES, CurrentReleases, ReleaseTimeline
from tests.model_store.made_store import copied_release

DEVICES = [f"phone-{number}" for number in range(200)]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Return a function that opens the network of a release by its name."""
    made = {}

    def make(name: str) -> OnnxClassifier:
        if name not in made:
            made[name] = OnnxClassifier(open_release(copied_release(tmp_path_factory.mktemp("made"), name)))
        return made[name]

    return make


def name_for(timeline: ReleaseTimeline, device: str, arrived: int) -> str:
    return timeline.choice_for(device, arrived).network.manifest.release


def test_the_new_release_classifies_what_arrives_from_its_effective_time(network):
    timeline = ReleaseTimeline(CurrentReleases({"stable": network("one")}))
    timeline.adopt(CurrentReleases({"stable": network("two")}, effective=1_000))
    timeline.adopt(CurrentReleases({"stable": network("three")}, effective=2_000))
    names = [name_for(timeline, "phone", arrived) for arrived in (0, 999, 1_000, 1_999, 2_000, 9_999)]
    assert names == ["one", "one", "two", "two", "three", "three"]


def test_the_oldest_kept_change_applies_to_everything_before_it(network):
    timeline = ReleaseTimeline(CurrentReleases({"stable": network("release-0")}))
    for number in range(1, 2 * KEPT_CHANGES):
        timeline.adopt(CurrentReleases({"stable": network(f"release-{number}")}, effective=1_000 * number))
    assert name_for(timeline, "phone", 0) == f"release-{KEPT_CHANGES}"
    assert name_for(timeline, "phone", 10**9) == f"release-{2 * KEPT_CHANGES - 1}"


def test_a_canary_classifies_its_share_of_the_devices(network):
    timeline = ReleaseTimeline(CurrentReleases({"stable": network("one"), "canary": network("two")}, 0.25))
    assert [name_for(timeline, device, 0) for device in DEVICES] == [
        "two" if is_canary(device, 0.25) else "one" for device in DEVICES
    ]


async def test_windows_wait_only_for_a_release_that_applies_to_them(network):
    timeline = ReleaseTimeline(CurrentReleases({"stable": network("one")}))
    timeline.expect(1_000)
    await asyncio.wait_for(timeline.wait_for(999), 0.5)
    waiting = asyncio.create_task(timeline.wait_for(1_000))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    timeline.adopt(CurrentReleases({"stable": network("two")}, effective=1_000))
    timeline.settle()
    await asyncio.wait_for(waiting, 0.5)
    assert name_for(timeline, "phone", 1_000) == "two"


@pytest.mark.parametrize("order", [(1_000, 2_000), (2_000, 1_000)])
async def test_windows_wait_for_the_earliest_of_several_announced_changes(network, order):
    timeline = ReleaseTimeline(CurrentReleases({"stable": network("one")}))
    for effective in order:
        timeline.expect(effective)
    await asyncio.wait_for(timeline.wait_for(999), 0.5)
    waiting = asyncio.create_task(timeline.wait_for(1_000))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    timeline.settle()
    await asyncio.wait_for(waiting, 0.5)


async def test_windows_wait_once_for_a_release_that_is_not_loaded(network):
    timeline = ReleaseTimeline(CurrentReleases({"stable": network("one")}), longest_wait_seconds=0.1)
    timeline.expect(1_000)
    began = time.monotonic()
    await timeline.wait_for(5_000)
    assert 0.05 < time.monotonic() - began < 5
    await asyncio.wait_for(timeline.wait_for(5_001), 0.05)
    assert name_for(timeline, "phone", 5_000) == "one"
