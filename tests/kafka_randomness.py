"""Separate the random numbers of kafka-python, which draws them in its own threads, from Python's generator.

Hypothesis watches Python's generator while it makes an example, and fails the test if other code uses it.
"""

import random
import sys

import kafka  # noqa: F401 - loads the modules that draw random numbers


def keep_apart() -> None:
    """Give kafka-python its own generator from now on."""
    own = random.Random()
    for name, module in list(sys.modules.items()):
        if name.startswith("kafka.") and getattr(module, "random", None) is random:
            module.random = own  # type: ignore[attr-defined]
