"""The path under which a reverse proxy serves an ASGI application, for the URLs that the application makes."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from har.process.unremoved_paths import UnremovedPaths

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_NOT_FOUND = 404


class PathPrefix:
    """ASGI application that adds a prefix to the paths from which a proxy has removed it.

    The prefix is also the ``root_path``: the application routes by the rest of the path, and its documentation names
    URLs that work in a browser. If the proxy has not removed it, the answer says so.

    Parameters
    ----------
    app : ASGI application
        The application.
    prefix : str
        The path prefix, such as ``/har``; empty for none.
    logger : logging.Logger
        Where to log that a proxy does not remove the prefix.
    """

    def __init__(self, app: _Application, prefix: str, logger: logging.Logger) -> None:
        self._app = app
        self._prefix = prefix
        self._unremoved = UnremovedPaths(logger, prefix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request to the application."""
        if self._prefix and scope["type"] in ("http", "websocket"):
            send = self._explaining(scope["path"], send)
            scope = {**scope, "root_path": self._prefix, "path": self._prefix + scope["path"]}
        await self._app(scope, receive, send)

    def _explaining(self, path: str, send: Send) -> Send:
        is_explained = False

        async def explain(message: Message) -> None:
            nonlocal is_explained
            if message["type"] == "http.response.start" and message["status"] == _NOT_FOUND:
                text = self._unremoved.explanation(path)
                if text is not None:
                    is_explained = True
                    headers = [(b"content-type", b"text/plain; charset=utf-8")]
                    await send({**message, "headers": headers})
                    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
            if not is_explained:
                await send(message)

        return explain
