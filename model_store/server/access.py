"""Access control of the store's HTTP API by bearer tokens."""

import hmac

from fastapi import HTTPException, Request, status
from pydantic import SecretStr

BEARER = "Bearer "


class StoreAccess:
    """Checks the tokens of requests.

    Parameters
    ----------
    read : SecretStr or None
        Token for reading; None if no token is needed.
    publish : SecretStr or None
        Token for changes; None if all changes are rejected.
    """

    def __init__(self, read: SecretStr | None, publish: SecretStr | None) -> None:
        self._read = read
        self._publish = publish

    def reader(self, request: Request) -> None:
        """Check that a request may read.

        Raises
        ------
        HTTPException
            401 if the token is missing or wrong.
        """
        if self._read is not None and not (_presents(request, self._read) or self._may_publish(request)):
            raise _unauthorised("reading this store needs its token")

    def publisher(self, request: Request) -> None:
        """Check that a request may change the store.

        Raises
        ------
        HTTPException
            401 if the token is missing or wrong, 403 if the server accepts no changes.
        """
        if self._publish is None:
            raise HTTPException(
                status.HTTP_403_FORBIDDEN,
                "changes over HTTP are disabled: the server was started without --publish-token",
            )
        if not self._may_publish(request):
            raise _unauthorised("changing this store needs its publish token")

    def _may_publish(self, request: Request) -> bool:
        return self._publish is not None and _presents(request, self._publish)


def _presents(request: Request, token: SecretStr) -> bool:
    header = request.headers.get("Authorization", "")
    return header.startswith(BEARER) and hmac.compare_digest(
        header.removeprefix(BEARER).encode(), token.get_secret_value().encode()
    )


def _unauthorised(detail: str) -> HTTPException:
    return HTTPException(status.HTTP_401_UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})
