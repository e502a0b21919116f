"""Run functions in separate processes, so that neither TensorFlow's threads nor the pinning to a core outlive them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar, TypeVarTuple

R = TypeVar("R")
T = TypeVarTuple("T")


def run_apart(function: Callable[[*T], R], *arguments: *T) -> R:
    """Call a module-level function in a new process; return its result."""
    return run_at_once(function, [arguments])[0]


def run_at_once(function: Callable[[*T], R], calls: Sequence[tuple[*T]]) -> list[R]:
    """Call a module-level function in a new process per call, all at the same time; return the results."""
    with ProcessPoolExecutor(len(calls), mp_context=get_context("spawn")) as processes:
        futures = [processes.submit(function, *arguments) for arguments in calls]
        return [future.result() for future in futures]
