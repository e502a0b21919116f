"""What the client says about a store that does not give a file."""

import re
from http.server import BaseHTTPRequestHandler

import pytest
from tuf.api.exceptions import DownloadError, DownloadHTTPError

from model_store.client.fetching import BoundedFetcher, Patience
from tests.http_server import answering

_AT_ONCE = Patience(fruitless_attempts=1, pause_seconds=0.0)


def test_a_store_that_wants_a_token_says_so_and_no_message_holds_a_password() -> None:
    def refuse(handler: BaseHTTPRequestHandler) -> None:
        handler.send_error(401)

    fetcher = BoundedFetcher(_AT_ONCE)
    with answering(refuse) as url:
        with_password = url.replace("//", "//me:hidden@")
        with pytest.raises(DownloadHTTPError, match="the store answered 401: the token is missing or wrong") as refused:
            list(fetcher.fetch_from(f"{with_password}/1.root.json", 0))
    with pytest.raises(DownloadError, match=re.escape(url.replace("//", "//**********@"))) as away:
        list(fetcher.fetch_from(f"{with_password}/1.root.json", 0))
    assert "hidden" not in f"{refused.value} {away.value}"
