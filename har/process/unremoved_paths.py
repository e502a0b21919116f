"""The explanation of addresses that are not found because a proxy does not remove the path that it serves them at."""

import logging


class UnremovedPaths:
    """Explains requests whose path still has the prefix that a proxy should have removed, and logs the first one.

    Parameters
    ----------
    logger : logging.Logger
        Where to write.
    prefix : str
        The path prefix, such as ``/har``; empty for none.
    """

    def __init__(self, logger: logging.Logger, prefix: str) -> None:
        self._logger = logger
        self._prefix = prefix
        self._is_logged = False

    def explanation(self, path: str) -> str | None:
        """Return what to change if a path, which was not found, has the prefix; otherwise None.

        Examples
        --------
        >>> paths = UnremovedPaths(logging.getLogger("example"), "/har")
        >>> paths.explanation("/har/healthz")
        'The proxy in front must remove the path /har of --public-url from the addresses of requests.'
        >>> paths.explanation("/harbour") is None, UnremovedPaths(logging.getLogger(), "").explanation("/") is None
        (True, True)
        """
        if not self._prefix or not f"{path}/".startswith(f"{self._prefix}/"):
            return None
        text = f"The proxy in front must remove the path {self._prefix} of --public-url from the addresses of requests."
        if not self._is_logged:
            self._is_logged = True
            self._logger.warning("there is nothing at %s. %s", path[:200], text)
        return text
