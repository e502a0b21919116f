"""Benchmark of classification on this device."""

import resource
import sys
import time
from pathlib import Path

import msgspec
import numpy as np

from har.process.clock import now_us
from har.time_units import MICROSECONDS
from model_store.edge.device_stream import DeviceStream
from model_store.lite_classifier import LiteClassifier, LiteFormat
from model_store.release_folder import open_release

#: Windows that are classified before the measurement starts.
WARM_UP = 50
RATE_HZ = 50


class EdgeCost(msgspec.Struct, frozen=True):
    """The result of the benchmark.

    Attributes
    ----------
    release, form : str
        Name of the release and format of its artifact.
    windows : int
        Number of measured windows.
    p50_ms, p95_ms, p99_ms : float
        Quantiles of the time to classify one window, ms.
    p50_second_ms : float
        Median time to resample, cut and classify one second of readings at 50 Hz, ms.
    resident_mb : float
        Peak resident memory of this process, including Python and all imports of the edge client, MB.
    """

    release: str
    form: str
    windows: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    p50_second_ms: float
    resident_mb: float


def measure(release: str, form: LiteFormat, windows: int) -> EdgeCost:
    """Measure the classification of random windows, one per call, and of a stream of readings.

    Raises
    ------
    ReleaseError
        If the release cannot be opened.
    """
    network = LiteClassifier(open_release(release), form)
    inputs = np.random.default_rng(0).normal([0, 0, 9.8], 2, (64, 1, network.manifest.steps, 3)).astype(np.float32)
    taken = np.empty(windows)
    for number in range(-WARM_UP, windows):
        begin = time.perf_counter()
        network.probabilities(inputs[number % len(inputs)])
        if number >= 0:
            taken[number] = time.perf_counter() - begin
    p50, p95, p99 = np.quantile(taken, [0.5, 0.95, 0.99]) * 1000
    return EdgeCost(
        network.manifest.release,
        form,
        windows,
        round(float(p50), 3),
        round(float(p95), 3),
        round(float(p99), 3),
        round(_second_ms(network), 3),
        round(_resident_mb(), 1),
    )


def _second_ms(network: LiteClassifier, seconds: int = 120) -> float:
    stream = DeviceStream("bench", "bench", lambda: network)
    generator = np.random.default_rng(0)
    steps = np.arange(RATE_HZ) * (MICROSECONDS // RATE_HZ)
    start = now_us()
    taken = []
    for second in range(seconds):
        axes = generator.normal([0, 0, 9.8], 2, (RATE_HZ, 3)).astype(np.float32)
        begin = time.perf_counter()
        if stream.add(start + second * MICROSECONDS + steps, axes):
            taken.append(time.perf_counter() - begin)
    return float(np.median(taken)) * 1000


def _resident_mb() -> float:
    try:
        # On Linux, `getrusage` includes the memory of the parent process before exec.
        status = Path("/proc/self/status").read_text("utf-8")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1_000_000 if sys.platform == "darwin" else 1_000)
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1_024 / 1_000_000
