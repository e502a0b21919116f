"""Why the gateway ended a connection, or did not accept one."""

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import CloseCode

from har.process.back_off import LONGEST_PAUSE_SECONDS


def explain_disconnect(error: Exception) -> tuple[int | None, str, float | None]:
    """Return the HTTP status, the reason in words, and how long the gateway asks to wait, s.

    The status and the wait are None if the gateway sent none.
    """
    if isinstance(error, ConnectionClosed) and error.rcvd is not None and error.rcvd.code == CloseCode.POLICY_VIOLATION:
        return None, str(error), LONGEST_PAUSE_SECONDS
    if not isinstance(error, InvalidStatus):
        return None, str(error), None
    response = error.response
    text = response.body.decode(errors="replace").strip() if response.body else ""
    try:
        retry_after = float(response.headers.get("Retry-After", "0"))
    except ValueError:  # a date: not what our gateway sends
        retry_after = 0.0
    return response.status_code, f"{response.status_code}: {text}", retry_after
