"""Measure training: `python -m benchmarks.training scaling|modes|origin --data PATH…`.

``scaling``: windows a second of one and of two executors, each held to one core, and where the processor time goes.
``modes``: macro-F1 on unseen users and time of local, synchronous and asynchronous training, over several seeds.
``origin``: the origin's protocol and recipe against ours, to the accuracy that the origin's log reached.

Each prints its table and adds its figures to a JSON file and its picture to a folder.
"""

import argparse
from pathlib import Path

from benchmarks.training import modes, origin, scaling


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["scaling", "modes", "origin"])
    parser.add_argument("--data", type=Path, action="append", required=True, help="recordings; once each")
    parser.add_argument("--output", type=Path, default=Path(".har/benchmarks"), help="folder for figures and pictures")
    parser.add_argument("--seeds", type=int, default=3, help="of modes")
    parser.add_argument("--rounds", type=int, default=3, help="of scaling")
    parser.add_argument("--epochs", type=int, help="instead of the default of what is measured")
    chosen = parser.parse_args()
    chosen.output.mkdir(parents=True, exist_ok=True)
    if chosen.what == "scaling":
        scaling.measure(chosen.data, chosen.output, chosen.epochs or 4, chosen.rounds)
    elif chosen.what == "modes":
        modes.measure(chosen.data, chosen.output, chosen.seeds, chosen.epochs)
    else:
        origin.measure(chosen.data, chosen.output, chosen.epochs or 50)


if __name__ == "__main__":
    main()
