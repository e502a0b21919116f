"""Which release classifies which window.

A change of release has a moment, by the gateway's clock: what reaches the gateway from then on is for the new release.
As every batch says when it arrived, each worker decides the same, also when it reads a batch again after a restart or
a rebalance, and a device's predictions change from one release to the next once. Releases from before the latest
changes are kept loaded for the batches that arrived before them.
"""

import asyncio
import logging
from dataclasses import dataclass, field

from har.channels import CANARY, STABLE, Channel, is_canary
from har.windows import WindowSpec
from model_store.onnx_classifier import OnnxClassifier

log = logging.getLogger(__name__)

#: What is arriving is classified by the release before, if the new one takes longer than this after its moment, s.
LONGEST_WAIT_SECONDS = 2.0
#: Changes whose releases stay loaded.
KEPT_CHANGES = 3


@dataclass(frozen=True, eq=False)
class Choice:
    """What classifies a window.

    Attributes
    ----------
    network : OnnxClassifier
        Whose answer is published.
    compared_with : OnnxClassifier or None
        What answers besides, to judge a canary by.
    """

    network: OnnxClassifier
    compared_with: OnnxClassifier | None = None


@dataclass(frozen=True)
class Served:
    """What classifies from a moment on.

    Attributes
    ----------
    networks : dict of str to OnnxClassifier
        By channel; there is always one that is stable.
    share : float
        Of the devices, for the canary if there is one.
    effective : int
        From which arrival at the gateway on, µs since the epoch.
    numbers : dict of str to int
        Which change of its channel each is.
    """

    networks: dict[Channel, OnnxClassifier]
    share: float = 0.0
    effective: int = 0
    numbers: dict[Channel, int] = field(default_factory=dict)

    def choice_for(self, device: str) -> "Choice":
        """Return what classifies a device's windows."""
        stable, canary = self.networks[STABLE], self.networks.get(CANARY)
        if canary is not None and is_canary(device, self.share):
            return Choice(canary, compared_with=stable)
        return Choice(stable)

    def describe(self) -> str:
        """Return the releases in words."""
        said = self.networks[STABLE].manifest.release
        if CANARY in self.networks:
            said += f", {self.networks[CANARY].manifest.release} for {self.share:.0%} of the devices"
        return said


class CurrentReleases:
    """The releases that classify now, and those that did before the latest changes.

    Parameters
    ----------
    first : Served
        What classifies until something else does.
    longest_wait_seconds : float
        How long windows that a change is for wait for its release to be loaded.
    """

    def __init__(self, first: Served, *, longest_wait_seconds: float = LONGEST_WAIT_SECONDS) -> None:
        self._changes = [first]
        self._longest_wait_seconds = longest_wait_seconds
        self._expected: int | None = None
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def now(self) -> Served:
        """What the latest change brought."""
        return self._changes[-1]

    @property
    def spec(self) -> WindowSpec:
        """How windows are cut; the same for all that are served."""
        return self._changes[0].networks[STABLE].manifest.window_spec

    def expect(self, effective: int) -> None:
        """Note that a change was announced whose releases are not loaded yet; windows it is for wait a little."""
        self._expected = effective
        self._settled.clear()

    def settle(self) -> None:
        """Note that nothing is waited for any more, whatever came of it."""
        self._expected = None
        self._settled.set()

    def adopt(self, change: Served) -> None:
        """Let a change take place; its releases have passed all checks."""
        self._changes = [*self._changes, change][-KEPT_CHANGES:]
        log.info("classifies from now on: %s", change.describe())

    async def wait_for(self, arrived: int) -> None:
        """Wait, but not for long, while a change is loaded that is for what arrived at a time, µs since the epoch."""
        if self._expected is None or arrived < self._expected:
            return
        try:
            async with asyncio.timeout(self._longest_wait_seconds):
                await self._settled.wait()
        except TimeoutError:
            log.warning("the announced release is not loaded in time; the one before classifies on")
            self.settle()

    def choice_for(self, device: str, arrived: int) -> Choice:
        """Return what classifies a window of a device whose last reading arrived at a time, µs since the epoch."""
        for change in reversed(self._changes):
            if change.effective <= arrived:
                return change.choice_for(device)
        return self._changes[0].choice_for(device)
