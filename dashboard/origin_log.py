"""The log of pages that are rejected because of their origin: usually the dashboard's own, behind a proxy."""

import logging

logger = logging.getLogger(__name__)

#: Most different pages that are logged, so that foreign pages cannot fill the log.
MAX_LOGGED = 20


class OriginLog:
    """Logs each rejected origin once, with what to do if it is the dashboard's own."""

    def __init__(self) -> None:
        self._logged: set[tuple[str, str]] = set()

    def note(self, origin: str, host: str) -> None:
        """Log that a page of `origin` was rejected, which asked for `host`."""
        pair = origin[:200], host[:200]
        if pair in self._logged or len(self._logged) >= MAX_LOGGED:
            return
        self._logged.add(pair)
        logger.warning(
            "rejected a request of a page at %s, because it reached the dashboard as %s. If this page is the "
            "dashboard behind a reverse proxy, set --public-url to the page's address, or let the proxy pass on the "
            "Host header. Otherwise a foreign page tried to read the stream or to change something",
            *pair,
        )
