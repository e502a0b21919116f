"""Which release classifies which window, and which personal head corrects it.

A change of release has an effective time, by the gateway's clock: the new release classifies what arrives at the
gateway from then on. Each batch carries its arrival time, so all workers choose the same release, also when they read a
batch again after a restart or a rebalance. A device's predictions switch from one release to the next once. Previous
releases stay loaded for batches that arrived before the latest changes.

A personal head (`har.personal_head`) is chosen in the same way: it names its release and its effective time, which the
store signs. The earlier heads of a device stay in use for batches that arrived before the newest one took effect.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from har.channels import CANARY, STABLE, Channel, is_canary
from har.personal_head import PersonalHead
from har.personal_index import head_for
from har.windowing import WindowSpec
from model_store.onnx_classifier import OnnxClassifier

log = logging.getLogger(__name__)

#: If loading an announced change takes longer than this, windows that wait for it get what was used before, s.
LONGEST_WAIT_SECONDS = 2.0
#: Number of changes whose releases stay loaded.
KEPT_CHANGES = 3


@dataclass(frozen=True, eq=False)
class Choice:
    """The release that classifies a window.

    Attributes
    ----------
    network : OnnxClassifier
        The release whose prediction is published.
    compared_with : OnnxClassifier or None
        The stable release, for comparison with a canary; None if `network` is stable.
    head : PersonalHead or None
        The device's personal head for the release of `network`, so a canary has none until one is made for it. None if
        the device has none that is in effect.
    """

    network: OnnxClassifier
    compared_with: OnnxClassifier | None = None
    head: PersonalHead | None = None


@dataclass(frozen=True)
class CurrentReleases:
    """The releases in use from a point in time on.

    Attributes
    ----------
    networks : dict of str to OnnxClassifier
        The release of each channel; ``stable`` is always present.
    share : float
        Share of the devices that get the canary, 0 to 1.
    effective : int
        Arrival time at the gateway from which they apply, µs since the epoch.
    numbers : dict of str to int
        The number of each channel's change (`har.channels.ChannelPointer.number`).
    """

    networks: dict[Channel, OnnxClassifier]
    share: float = 0.0
    effective: int = 0
    numbers: dict[Channel, int] = field(default_factory=dict)

    def choice_for(self, device: str) -> "Choice":
        """Return the release that classifies a device's windows."""
        stable, canary = self.networks[STABLE], self.networks.get(CANARY)
        if canary is not None and is_canary(device, self.share):
            return Choice(canary, compared_with=stable)
        return Choice(stable)

    def describe(self) -> str:
        """Return the names of the releases, for logs and pages."""
        described = self.networks[STABLE].manifest.release
        if CANARY in self.networks:
            described += f", {self.networks[CANARY].manifest.release} for {self.share:.0%} of the devices"
        return described


class ReleaseTimeline:
    """The releases in use, those in use before the latest changes, and the personal heads.

    Parameters
    ----------
    first : CurrentReleases
        The releases in use until the first change.
    longest_wait_seconds : float
        How long windows wait for an announced change that applies to them, s.
    """

    def __init__(self, first: CurrentReleases, *, longest_wait_seconds: float = LONGEST_WAIT_SECONDS) -> None:
        self._changes = [first]
        self._heads: Mapping[str, Sequence[PersonalHead]] = {}
        self._longest_wait_seconds = longest_wait_seconds
        self._expected: int | None = None
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def now(self) -> CurrentReleases:
        """The releases of the latest change."""
        return self._changes[-1]

    @property
    def spec(self) -> WindowSpec:
        """How windows are cut; the same for every release."""
        return self._changes[0].networks[STABLE].manifest.window_spec

    def expect(self, effective: int) -> None:
        """Note an announced change that is not loaded yet; windows that arrive from `effective` (µs) on wait for it."""
        self._expected = effective if self._expected is None else min(effective, self._expected)
        self._settled.clear()

    def settle(self) -> None:
        """Note that all announced changes were adopted or given up: windows no longer wait."""
        self._expected = None
        self._settled.set()

    def adopt(self, change: CurrentReleases) -> None:
        """Use the releases of a change from its effective time on; they must have passed all checks."""
        self._changes = [*self._changes, change][-KEPT_CHANGES:]
        log.info("now using %s", change.describe())

    def use_heads(self, heads: Mapping[str, Sequence[PersonalHead]]) -> None:
        """Use these personal heads, by device, instead of those before; each from its own effective time on."""
        self._heads = heads

    async def wait_for(self, arrived: int) -> None:
        """Wait, within limits, while a change that applies to an arrival time (µs since the epoch) is being loaded."""
        if self._expected is None or arrived < self._expected:
            return
        try:
            async with asyncio.timeout(self._longest_wait_seconds):
                await self._settled.wait()
        except TimeoutError:
            log.warning("the announced change was not loaded in time; still using %s", self.now.describe())
            self.settle()

    def choice_for(self, device: str, arrived: int) -> Choice:
        """Return what answers for a device's window whose last reading arrived at `arrived`, µs since the epoch."""
        in_effect = (change for change in reversed(self._changes) if change.effective <= arrived)
        choice = next(in_effect, self._changes[0]).choice_for(device)
        heads = self._heads.get(device)
        if not heads:
            return choice
        return replace(choice, head=head_for(heads, choice.network.manifest.release, arrived))
