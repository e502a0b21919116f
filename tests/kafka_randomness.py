"""Random numbers of kafka-python, which draws them in threads of its own, also of a client that is still connecting.

Hypothesis watches Python's own generator while it makes an example, and blames the test if anybody else uses it.
"""

import random
import sys

import kafka  # noqa: F401 - loads the modules that draw


def keep_apart() -> None:
    """Let kafka-python draw from a generator of its own, from now on."""
    own = random.Random()
    for name, module in list(sys.modules.items()):
        if name.startswith("kafka.") and getattr(module, "random", None) is random:
            module.random = own  # type: ignore[attr-defined]
