"""Why the gateway closed or rejected a connection, and the errors when retrying does not help."""

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import CloseCode

#: The longest pause before a phone connects again, s.
LONGEST_PAUSE_SECONDS = 10.0


class GatewayRejectsError(RuntimeError):
    """Raised if the gateway rejects this device, or its URL is invalid; retrying does not help."""


class GatewayUnreachableError(RuntimeError):
    """Raised if the first connection to the gateway could not be opened in time."""


def explain_disconnect(error: Exception) -> tuple[int | None, str, float | None]:
    """Explain the error that ended a connection, or kept it from opening.

    Parameters
    ----------
    error : Exception
        An error of `websockets`, or an `OSError`.

    Returns
    -------
    status : int or None
        The gateway's HTTP status; None if it sent none.
    reason : str
        The reason as text.
    retry_after : float or None
        How long to wait before connecting again, s; None unless the gateway rejected the handshake or closed the
        connection with 1008 (policy violation).
    """
    if isinstance(error, ConnectionClosed) and error.rcvd is not None and error.rcvd.code == CloseCode.POLICY_VIOLATION:
        return None, str(error), LONGEST_PAUSE_SECONDS
    if not isinstance(error, InvalidStatus):
        return None, str(error), None
    response = error.response
    text = response.body.decode(errors="replace").strip() if response.body else ""
    try:
        retry_after = float(response.headers.get("Retry-After", "0"))
    except ValueError:  # a date, which this project's gateway does not send
        retry_after = 0.0
    return response.status_code, f"{response.status_code}: {text}", retry_after
