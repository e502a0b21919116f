"""The exception of freezing."""

from collections.abc import Iterator
from contextlib import contextmanager


class FreezingError(RuntimeError):
    """A network cannot be frozen or loaded, or differs from the trained one. The message names format and reason."""


@contextmanager
def conversion(name: str, converter: str, network: str) -> Iterator[None]:
    """Convert all exceptions of a converter to `FreezingError`.

    Parameters
    ----------
    name : str
        Name of the format.
    converter : str
        Name of the converting library.
    network : str
        Name of the network.

    Raises
    ------
    FreezingError
        If the conversion fails.
    """
    try:
        yield
    except Exception as error:  # TensorFlow's and tf2onnx's exceptions share no base class but Exception
        raise FreezingError(f"{name}: {converter} cannot convert {network}: {error}") from error
