"""Who may read a store over HTTP, and who may change it."""

import hmac

from fastapi import HTTPException, Request, status
from pydantic import SecretStr

BEARER = "Bearer "


class StoreAccess:
    """Checks the tokens of requests.

    Parameters
    ----------
    read : SecretStr or None
        What reading asks for; None if everybody who reaches the server may read.
    publish : SecretStr or None
        What changes ask for; None if nothing can be changed over HTTP.
    """

    def __init__(self, read: SecretStr | None, publish: SecretStr | None) -> None:
        self._read = read
        self._publish = publish

    def reader(self, request: Request) -> None:
        """Reject who may not read.

        Raises
        ------
        HTTPException
            401.
        """
        if self._read is not None and not (_presents(request, self._read) or self._may_publish(request)):
            raise _unauthorised("reading this store needs its token")

    def publisher(self, request: Request) -> None:
        """Reject who may not change anything.

        Raises
        ------
        HTTPException
            401, or 403 if nobody may.
        """
        if self._publish is None:
            raise HTTPException(
                status.HTTP_403_FORBIDDEN,
                "no changes are taken over HTTP: the store was started without --publish-token",
            )
        if not self._may_publish(request):
            raise _unauthorised("changing this store needs its publish token")

    def _may_publish(self, request: Request) -> bool:
        return self._publish is not None and _presents(request, self._publish)


def _presents(request: Request, token: SecretStr) -> bool:
    said = request.headers.get("Authorization", "")
    return said.startswith(BEARER) and hmac.compare_digest(
        said.removeprefix(BEARER).encode(), token.get_secret_value().encode()
    )


def _unauthorised(detail: str) -> HTTPException:
    return HTTPException(status.HTTP_401_UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})
