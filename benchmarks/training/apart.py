"""Run something in processes of its own, so that neither TensorFlow's threads nor a pinned core outlive it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar, TypeVarTuple

R = TypeVar("R")
T = TypeVarTuple("T")


def run_apart(function: Callable[[*T], R], *arguments: *T) -> R:
    """Call a module's function in a fresh process and return what it returns."""
    return run_at_once(function, [arguments])[0]


def run_at_once(function: Callable[[*T], R], calls: Sequence[tuple[*T]]) -> list[R]:
    """Call a module's function in a fresh process for each call, all at the same time, and return what they return."""
    with ProcessPoolExecutor(len(calls), mp_context=get_context("spawn")) as processes:
        futures = [processes.submit(function, *arguments) for arguments in calls]
        return [future.result() for future in futures]
