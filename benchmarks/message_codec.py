"""Compare size and speed of the MessagePack message with JSON: `python -m benchmarks.message_codec`."""

import timeit
from collections.abc import Callable

import msgspec
import numpy as np

from har.binary_samples import decode_batch, encode_batch
from har.json_samples import decode_json_batch
from har.samples import in_order_batch

ROUNDS = 2_000
REPEATS = 5


def microseconds(call: Callable[[], object]) -> float:
    """Return the shortest mean time of a few repeats, µs, as other programs can only add to it."""
    return min(timeit.repeat(call, number=ROUNDS, repeat=REPEATS)) / ROUNDS * 1e6


def main() -> None:
    times = 1_700_000_000_000_000 + np.arange(50) * 20_000
    axes = np.random.default_rng(0).normal(0, 5, (50, 3)).astype(np.float32)
    batch = in_order_batch("phone-1", "s1", 0, times, axes, earlier_until=0)
    binary = encode_batch(batch)
    columns = {axis: axes[:, column].tolist() for column, axis in enumerate("xyz")}
    message = {"schema": 1, "device": "phone-1", "session": "s1", "sequence": 0, "t": times.tolist(), **columns}
    text = msgspec.json.encode(message)
    print("50 readings      bytes   encode   decode and validate")
    print(
        f"MessagePack      {len(binary):5}   {microseconds(lambda: encode_batch(batch)):4.1f} µs   "
        f"{microseconds(lambda: decode_batch(binary)):4.1f} µs"
    )
    print(
        f"JSON (msgspec)   {len(text):5}   {microseconds(lambda: msgspec.json.encode(message)):4.1f} µs   "
        f"{microseconds(lambda: decode_json_batch(text, grace_us=2_000_000)):4.1f} µs"
    )


if __name__ == "__main__":
    main()
