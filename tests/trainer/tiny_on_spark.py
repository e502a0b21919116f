"""The tiny network on Spark's executors, which are processes of their own and know only the product's networks."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.trainer import tiny_network
from trainer.distributed import asynchronous, synchronous
from trainer.fitting.tensorflow_types import NodeContext

_ROOT = Path(__file__).parents[2]
#: `har` with the tiny network in this process and on executors, as code for `start_har`.
PROGRAM = """
import sys
from deploy.cli import main
from tests.trainer import tiny_on_spark

with tiny_on_spark.known():
    sys.exit(main())
"""


@contextmanager
def known() -> Iterator[None]:
    """Register the network for all commands of this process and for the executors of clusters that start meanwhile."""
    with tiny_network.known(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(_ROOT), prepend=os.pathsep)  # executors import this module
        patch.setattr(synchronous, "run_node", _run_synchronously)
        patch.setattr(asynchronous, "run_node", _run_asynchronously)
        yield


def _run_synchronously(arguments: Mapping[str, Any], context: NodeContext) -> None:
    """Run a node on an executor, where `synchronous` is unchanged."""
    with tiny_network.known():
        synchronous.run_node(arguments, context)


def _run_asynchronously(arguments: Mapping[str, Any], context: NodeContext) -> None:
    with tiny_network.known():
        asynchronous.run_node(arguments, context)
