"""Run something in a process of its own, so that neither TensorFlow's threads nor a pinned core outlive it."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def run_apart(function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Call a module's function in a fresh process and return what it returns."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments, **named).result()
