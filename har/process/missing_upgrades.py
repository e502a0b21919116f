"""The log of WebSockets that arrive as plain requests, because a reverse proxy does not pass on their upgrade."""

import logging
from collections.abc import Container


class MissingUpgradeLog:
    """Logs once that a proxy in front of a service passes on no WebSockets.

    Parameters
    ----------
    logger : logging.Logger
        Where to write.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._is_logged = False

    def note(self, headers: Container[str], path: str) -> None:
        """Log that a request for a WebSocket has no upgrade, if it was meant as one.

        Parameters
        ----------
        headers : container of str
            The request's headers, by name without case.
        path : str
            The WebSocket's path.
        """
        if self._is_logged or "Sec-WebSocket-Key" not in headers:
            return
        self._is_logged = True
        self._logger.warning(
            "rejected a WebSocket for %s that arrived without the header Upgrade: the reverse proxy in front must "
            "pass on Upgrade and Connection, for nginx with proxy_http_version 1.1 and proxy_set_header",
            path,
        )
