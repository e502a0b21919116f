"""What is raised when a network cannot be frozen."""


class FreezingError(RuntimeError):
    """A frozen network cannot be made or read, or is not what was trained; the text says which format, and why."""
