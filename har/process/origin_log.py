"""The log of pages that a service rejects because of their origin: usually its own page, behind a proxy."""

import logging

#: Most different pages that are logged, so that foreign pages cannot fill the log.
MAX_LOGGED = 20


class OriginLog:
    """Logs each rejected origin once, with what to do if it is the service's own.

    Parameters
    ----------
    logger : logging.Logger
        Where to write.
    service : str
        The service's name, such as ``dashboard``.
    """

    def __init__(self, logger: logging.Logger, service: str) -> None:
        self._logger = logger
        self._service = service
        self._logged: set[tuple[str, str]] = set()

    def note(self, origin: str, host: str) -> None:
        """Log that a page of `origin` was rejected, which asked for `host`."""
        pair = origin[:200], host[:200]
        if pair in self._logged or len(self._logged) >= MAX_LOGGED:
            return
        self._logged.add(pair)
        self._logger.warning(
            "rejected a request of a page at %s, because it reached the %s as %s. If this page is the "
            "%s's behind a reverse proxy, set --public-url to the page's address, or let the proxy pass on the "
            "Host header. Otherwise a foreign page tried to read or to change something",
            pair[0],
            self._service,
            pair[1],
            self._service,
        )
