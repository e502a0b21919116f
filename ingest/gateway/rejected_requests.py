"""Answers to rejected requests: JSON with a code and a detail, counted in the metrics."""

import logging

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from har.gateway_messages import Rejected
from har.process.clock import now_us
from har.rejections import RejectedMessage
from ingest.devices.errors import NotAdmittedError, Reason, RegistryError
from ingest.gateway.frames import dead_letter
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.publisher import OrderedSender, PublishError
from ingest.gateway.rejection_limits import RejectionLog

log = logging.getLogger(__name__)

#: After what time a phone may repeat a request that failed temporarily.
RETRY_AFTER_SECONDS = 2
_STATUS: dict[Reason, int] = {
    "no_token": 401,
    "malformed_token": 401,
    "expired": 401,
    "revoked": 403,
    "unknown_code": 403,
    "unknown_device": 403,
    "too_often": 429,
}
_REJECTED_STATUS = {"oversized": 413, "too_slow": 408, "not_yours": 403}


def rejection(status: int, code: str, detail: str, *, retry: bool = False) -> web.Response:
    """Return the answer to a rejected request.

    Parameters
    ----------
    status : int
        HTTP status.
    code, detail : str
        Stable name of the fault, and what is wrong.
    retry : bool
        Whether to add a ``Retry-After`` header.
    """
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if retry else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="gateway"'
    response = web.json_response(body=msgspec.json.encode(Rejected(code, detail)), status=status, headers=headers)
    if status in (408, 413):
        response.force_close()  # do not wait for the rest of the request
    return response


def rejected_document(rejected: RejectedMessage) -> web.Response:
    """Return the answer to a request whose document is rejected."""
    return rejection(_REJECTED_STATUS.get(rejected.code, 400), rejected.code, rejected.detail)


async def keep_and_answer(
    body: bytes,
    rejected: RejectedMessage,
    device: str | None,
    ordered_sender: OrderedSender,
    rejection_log: RejectionLog,
    metrics: GatewayMetrics,
) -> web.Response:
    """Publish a request's body to the dead-letter topic; return the answer once Kafka has confirmed it.

    Parameters
    ----------
    device : str or None
        The device that the body names; None if it could not be decoded.

    Raises
    ------
    PublishError
        If Kafka did not confirm it.
    """
    await dead_letter(body, rejected, device, ordered_sender, now_us(), metrics)
    rejection_log.note(device or "?", len(body), Rejected(rejected.code, rejected.detail))
    return rejected_document(rejected)


def sends_too_often() -> web.Response:
    """Return the answer to a device that exceeds its rate limit."""
    return rejection(429, "too_often", "This device sends too many messages. Try again later.", retry=True)


def not_admitted(error: NotAdmittedError) -> web.Response:
    """Return the answer to a caller that is not allowed to do what it requested."""
    status = _STATUS[error.reason]
    return rejection(status, error.reason, error.detail, retry=status == 429)


def answering_rejections(metrics: GatewayMetrics) -> Middleware:
    """Return a middleware that answers requests whose handlers raise an error."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except NotAdmittedError as error:
            metrics.not_admitted.labels(error.reason).inc()
            return not_admitted(error)
        except RejectedMessage as rejected:
            metrics.rejected.labels(rejected.code).inc()
            return rejected_document(rejected)
        except (PublishError, RegistryError) as error:
            return rejection(
                503,
                "unavailable",
                f"The gateway cannot accept this now: {error}. Try again in {RETRY_AFTER_SECONDS} s.",
                retry=True,
            )

    return answer
