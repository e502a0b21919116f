"""The client's address, scheme and host, as a reverse proxy in front of the gateway states them."""

import ipaddress

from aiohttp import web
from aiohttp.typedefs import Handler

_MAX_HOST = 260


@web.middleware
async def trust_proxy(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Use ``X-Forwarded-For``, ``-Proto`` and ``-Host``; only for a gateway that is reached through its proxy alone.

    Without it all phones would have the proxy's address, and share the limits by address. Of several addresses only
    the last one is used, which the proxy itself added: the client may have sent the others.
    """
    headers = request.headers
    addresses = headers.getall("X-Forwarded-For", [])
    client = addresses[-1].rpartition(",")[2].strip() if addresses else ""
    scheme = headers.get("X-Forwarded-Proto", "").lower()
    hosts = [host.strip() for host in headers.getall("X-Forwarded-Host", [])]
    is_one_host = len(hosts) == 1 and 0 < len(hosts[0]) <= _MAX_HOST and "," not in hosts[0]
    return await handler(
        request.clone(
            remote=client if _is_address(client) else request.remote or "",
            scheme=scheme if scheme in ("http", "https") else request.scheme,
            host=hosts[0] if is_one_host else request.host,
        )
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
