"""A simulated phone: a device with sensor errors and an imperfect sample rate, carried by a simulated wearer."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.time_units import MICROSECONDS
from ingest.simulation.motion import limited_normal
from ingest.simulation.parameter_loading import load_parameters
from ingest.simulation.parameters import PLACEMENTS, ParameterTable, Placement
from ingest.simulation.schedule import ActivitySchedule
from ingest.simulation.wearer import Wearer

SAMPLE_RATES_HZ = (50.0, 60.0, 100.0, 150.0, 200.0)
LOWEST_RATE_HZ = 10.0
HIGHEST_RATE_HZ = 500.0
NOISE_BLOCK = 256
LARGEST_JITTER = 0.4
LARGEST_RATE_DEVIATION = 0.02


class Readings(msgspec.Struct, frozen=True):
    """Readings of one phone.

    Attributes
    ----------
    time_us
        Event times, µs since the epoch, strictly increasing, int64 ``(n,)``.
    acceleration
        Acceleration with gravity, m/s², float32 ``(n, 3)``.
    """

    time_us: NDArray[np.int64]
    acceleration: NDArray[np.float32]


class SimulatedPhone:
    """A phone that records a simulated wearer.

    ``(seed, index)`` determines everything: the wearer, the order of activities, and the device's scale, bias, true
    sample rate, jitter and noise. The readings do not depend on how often they are requested.

    Parameters
    ----------
    seed
        Seed of the whole simulation, non-negative.
    index
        Number of the phone in the simulation, non-negative.
    session_start_us
        Event time of the session's start, µs since the epoch.
    placement
        Where the phone is worn; by default the waist for even indices and the pocket for odd ones.
    sample_rate_hz
        Nominal sample rate, 10 to 500 Hz; by default drawn from 50, 60, 100, 150 and 200 Hz.
    segment_seconds
        Duration of each activity, s.
    table
        The fitted parameters; by default the table in the package.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> phone = SimulatedPhone(seed=7, index=3, session_start_us=1_700_000_000_000_000)
    >>> phone.device, phone.placement
    ('simulated-03', 'pocket')
    """

    def __init__(
        self,
        seed: int,
        index: int,
        *,
        session_start_us: int,
        placement: Literal["waist", "pocket"] | None = None,
        sample_rate_hz: float | None = None,
        segment_seconds: float = 12.0,
        table: ParameterTable | None = None,
    ) -> None:
        if seed < 0 or index < 0:
            raise ValueError("seed and index must not be negative")
        if sample_rate_hz is not None and not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
            raise ValueError(f"sample_rate_hz must be {LOWEST_RATE_HZ:g} to {HIGHEST_RATE_HZ:g} Hz")
        if placement is not None and placement not in PLACEMENTS:
            raise ValueError(f"placement must be one of {PLACEMENTS}, not {placement!r}")
        table = table or load_parameters()
        wearer_seed, device_seed, block_seed = map(int, np.random.SeedSequence([seed, index]).generate_state(3))
        generator = np.random.default_rng([device_seed, 0])
        drawn_rate = float(generator.choice(SAMPLE_RATES_HZ))
        device = table.device

        self.device = f"simulated-{index:02d}"
        self.session = f"simulation-{seed}-{session_start_us}"
        self.placement: Placement = placement or PLACEMENTS[index % len(PLACEMENTS)]
        self.sample_rate_hz = sample_rate_hz or drawn_rate
        self.session_start_us = session_start_us
        self.schedule = ActivitySchedule(wearer_seed, segment_seconds)
        self._wearer = Wearer(wearer_seed, self.placement, self.schedule, table)
        self._scale = 1 + device.scale_spread * float(limited_normal(generator))
        self._bias = device.bias_spread * limited_normal(generator, 3)
        self._noise = float(np.exp(device.log_noise_mean + device.log_noise_spread * limited_normal(generator)))
        deviation = device.rate_spread * float(generator.standard_normal())
        deviation = min(max(deviation, -LARGEST_RATE_DEVIATION), LARGEST_RATE_DEVIATION)
        self._period_us = MICROSECONDS / (self.sample_rate_hz * (1 + deviation))
        self._jitter_spread = device.jitter_spread
        self._block_seed = block_seed
        self._last_block: tuple[int, NDArray[np.float64]] | None = None
        self._next = 0

    def readings_until(self, event_time_us: int) -> Readings:
        """Return the readings from the last call up to a time, inclusive.

        Parameters
        ----------
        event_time_us
            Event time, µs since the epoch; if it is before that of the last call, there are no readings.
        """
        elapsed = event_time_us - self.session_start_us
        last = max(self._next, int(np.ceil(elapsed / self._period_us)) + 2)
        times, noise = self._times_and_noise(self._next, last)
        count = int(np.searchsorted(times, elapsed, side="right"))
        self._next += count
        times, noise = times[:count], noise[:count]
        acceleration = self._wearer.acceleration(times) * self._scale + self._bias + noise
        return Readings(time_us=times + np.int64(self.session_start_us), acceleration=acceleration.astype(np.float32))

    def activity_at(self, time_us: NDArray[np.int64]) -> NDArray[np.str_]:
        """Return the wearer's activity at each event time.

        Parameters
        ----------
        time_us
            Event times, µs since the epoch, int64 ``(n,)``.

        Raises
        ------
        ValueError
            If a time lies before the session's start.
        """
        return self.schedule.activity_at(np.asarray(time_us, dtype=np.int64) - self.session_start_us)

    def _times_and_noise(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return elapsed times (µs) and sensor noise (m/s²) of the readings ``first`` to ``last``, exclusive.

        They are drawn in blocks of `NOISE_BLOCK` readings, each from its own generator, so that they do not depend on
        how the readings are requested.
        """
        blocks = range(first // NOISE_BLOCK, -(-last // NOISE_BLOCK))
        deviates = [self._block(number) for number in blocks]
        if not deviates:
            return np.empty(0, dtype=np.int64), np.empty((0, 3))
        offset = first // NOISE_BLOCK * NOISE_BLOCK
        own = np.concatenate(deviates)[first - offset : last - offset]
        jitter = np.clip(own[:, 0] * self._jitter_spread, -LARGEST_JITTER, LARGEST_JITTER)
        grid = np.arange(first, last) + 0.5 + jitter
        return np.floor(grid * self._period_us).astype(np.int64), own[:, 1:] * self._noise

    def _block(self, number: int) -> NDArray[np.float64]:
        """Return a block's standard normal deviates, ``(NOISE_BLOCK, 4)``; the last block is cached."""
        if self._last_block is None or self._last_block[0] != number:
            deviates = np.random.default_rng([self._block_seed, number]).standard_normal((NOISE_BLOCK, 4))
            self._last_block = number, deviates
        return self._last_block[1]
