"""Which release classifies which window, by the arrival time of its last reading."""

import asyncio
import time

import pytest

from har.channels import is_canary
from model_store.onnx_classifier import OnnxClassifier
from model_store.release_folder import open_release
from stream_processor.serving import KEPT_CHANGES, CurrentReleases, Served
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


def name_for(served: CurrentReleases, device: str, arrived: int) -> str:
    return served.choice_for(device, arrived).network.manifest.release


def test_the_new_release_classifies_what_arrives_from_its_effective_time(network):
    served = CurrentReleases(Served({"stable": network("one")}))
    served.adopt(Served({"stable": network("two")}, effective=1_000))
    served.adopt(Served({"stable": network("three")}, effective=2_000))
    names = [name_for(served, "phone", arrived) for arrived in (0, 999, 1_000, 1_999, 2_000, 9_999)]
    assert names == ["one", "one", "two", "two", "three", "three"]


def test_the_oldest_kept_change_applies_to_everything_before_it(network):
    served = CurrentReleases(Served({"stable": network("release-0")}))
    for number in range(1, 2 * KEPT_CHANGES):
        served.adopt(Served({"stable": network(f"release-{number}")}, effective=1_000 * number))
    assert name_for(served, "phone", 0) == f"release-{KEPT_CHANGES}"
    assert name_for(served, "phone", 10**9) == f"release-{2 * KEPT_CHANGES - 1}"


def test_a_canary_classifies_its_share_of_the_devices(network):
    served = CurrentReleases(Served({"stable": network("one"), "canary": network("two")}, 0.25))
    assert [name_for(served, device, 0) for device in DEVICES] == [
        "two" if is_canary(device, 0.25) else "one" for device in DEVICES
    ]


async def test_windows_wait_only_for_a_release_that_applies_to_them(network):
    served = CurrentReleases(Served({"stable": network("one")}))
    served.expect(1_000)
    await asyncio.wait_for(served.wait_for(999), 0.5)
    waiting = asyncio.create_task(served.wait_for(1_000))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    served.adopt(Served({"stable": network("two")}, effective=1_000))
    served.settle()
    await asyncio.wait_for(waiting, 0.5)
    assert name_for(served, "phone", 1_000) == "two"


async def test_windows_wait_once_for_a_release_that_is_not_loaded(network):
    served = CurrentReleases(Served({"stable": network("one")}), longest_wait_seconds=0.1)
    served.expect(1_000)
    began = time.monotonic()
    await served.wait_for(5_000)
    assert 0.05 < time.monotonic() - began < 5
    await asyncio.wait_for(served.wait_for(5_001), 0.05)
    assert name_for(served, "phone", 5_000) == "one"
