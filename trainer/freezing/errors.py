"""What is raised when a network cannot be frozen."""

from collections.abc import Iterator
from contextlib import contextmanager


class FreezingError(RuntimeError):
    """A frozen network cannot be made or read, or is not what was trained; the text says which format, and why."""


@contextmanager
def conversion(name: str, converter: str, network: str) -> Iterator[None]:
    """Turn whatever a converter raises into `FreezingError`.

    Parameters
    ----------
    name : str
        The format's.
    converter : str
        The library that converts.
    network : str
        What is converted.

    Raises
    ------
    FreezingError
        If the conversion fails.
    """
    try:
        yield
    except Exception as error:  # TensorFlow and tf2onnx raise several kinds, which share no base but Exception
        raise FreezingError(f"{name}: {converter} cannot convert {network}: {error}") from error
