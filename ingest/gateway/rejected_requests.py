"""Answers to rejected requests: JSON with a code and a detail, counted in the metrics."""

import asyncio
import logging
from collections.abc import Callable

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from har.gateway_messages import Rejected
from har.rejections import RejectedMessage
from ingest.devices.errors import NotAdmittedError, Reason, RegistryError
from ingest.gateway.frames import dead_letter
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.pacing import Paces
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
    "foreign_page": 403,
}
_REJECTED_STATUS = {"oversized": 413, "too_slow": 408, "not_yours": 403}


class RejectedResponse(web.Response):
    """The answer to a rejected request.

    Attributes
    ----------
    rejected : Rejected
        Code and detail, which the body holds as JSON.
    """

    def __init__(self, rejected: Rejected, status: int, headers: dict[str, str]) -> None:
        super().__init__(
            body=msgspec.json.encode(rejected), status=status, headers=headers, content_type="application/json"
        )
        self.rejected = rejected


def rejection(status: int, code: str, detail: str, *, retry: bool = False) -> RejectedResponse:
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
    response = RejectedResponse(Rejected(code, detail), status, headers)
    if status in (408, 413):
        response.force_close()  # do not wait for the rest of the request
    return response


def rejected_document(rejected: RejectedMessage) -> web.Response:
    """Return the answer to a request whose document is rejected."""
    return rejection(_REJECTED_STATUS.get(rejected.code, 400), rejected.code, rejected.detail)


class RejectedDocuments:
    """Keeps the rejected documents of requests on the dead-letter topic, at a limited rate of each sender.

    Parameters
    ----------
    per_minute : int
        Rejections of one sender that are kept, at once and per minute on average.
    in_all : float
        Rejections of all senders that are kept per second.
    rejection_log : RejectionLog
        Logs rejections.
    metrics : GatewayMetrics
        Counts rejections.
    clock : callable
        Returns a monotonic time, s.
    """

    def __init__(
        self,
        per_minute: int,
        in_all: float,
        rejection_log: RejectionLog,
        metrics: GatewayMetrics,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._paces = Paces(per_minute / 60, in_all, clock=clock, burst_seconds=60.0)
        self._log = rejection_log
        self._metrics = metrics

    async def answer(
        self,
        body: bytes,
        rejected: RejectedMessage,
        device: str | None,
        sender: str,
        ordered_sender: OrderedSender,
        arrived_us: int,
    ) -> web.Response:
        """Publish a body to the dead-letter topic; return the answer once Kafka has confirmed it.

        Beyond the sender's rate, the body is not kept, and the answer is to try again later.

        Parameters
        ----------
        device : str or None
            The device that the body names; None if it could not be decoded.
        sender : str
            What the rate counts by (`ingest.gateway.admission.Caller.sender`).
        arrived_us : int
            When the request arrived, µs since the epoch.

        Raises
        ------
        PublishError
            If Kafka did not confirm it.
        """
        if not self._paces.try_take(sender):
            return sends_too_often()
        # Shielded, so that the end of the request does not cancel a publication whose outcome is still counted.
        await asyncio.shield(dead_letter(body, rejected, device, ordered_sender, arrived_us, self._metrics))
        self._log.note(device or "?", len(body), Rejected(rejected.code, rejected.detail))
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
