"""Measure training: `python -m benchmarks.training scaling|modes|origin --data PATH…`.

``scaling``: windows per second of one and two executors, each pinned to one core, and the processor time by process.
``modes``: macro-F1 on held-out people, and training time, of local, synchronous and asynchronous training.
``origin``: time of the original project's recipe and of ours until the accuracy in the original project's log.

Each prints a table, and writes its figures to a JSON file and its plot, if any, to the same folder.
"""

import argparse
from pathlib import Path

from benchmarks.training import modes, origin, scaling


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["scaling", "modes", "origin"])
    parser.add_argument("--data", type=Path, action="append", required=True, help="recordings; repeatable")
    parser.add_argument("--output", type=Path, default=Path(".har/benchmarks"), help="folder for figures and plots")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (modes)")
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds (scaling)")
    parser.add_argument("--epochs", type=int, help="epochs of training; by default, that of the benchmark")
    return parser


def main() -> None:
    chosen = argument_parser().parse_args()
    chosen.output.mkdir(parents=True, exist_ok=True)
    if chosen.what == "scaling":
        scaling.measure(chosen.data, chosen.output, chosen.epochs or 4, chosen.rounds)
    elif chosen.what == "modes":
        modes.measure(chosen.data, chosen.output, chosen.seeds, chosen.epochs)
    else:
        origin.measure(chosen.data, chosen.output, chosen.epochs or 50)


if __name__ == "__main__":
    main()
