"""The path under which a reverse proxy serves an ASGI application, for the URLs that the application makes."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class PathPrefix:
    """ASGI application that adds a prefix to the paths from which a proxy has removed it.

    The prefix is also the ``root_path``: the application routes by the rest of the path, and its documentation names
    URLs that work in a browser.

    Parameters
    ----------
    app : ASGI application
        The application.
    prefix : str
        The path prefix, such as ``/har``; empty for none.
    """

    def __init__(self, app: _Application, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request to the application."""
        if self._prefix and scope["type"] in ("http", "websocket"):
            scope = {**scope, "root_path": self._prefix, "path": self._prefix + scope["path"]}
        await self._app(scope, receive, send)
