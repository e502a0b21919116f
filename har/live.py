"""Where the live state lies in Redis: the names that the processor writes and the dashboard reads."""

#: Pub/sub channel of `har.predictions.LiveUpdate` as JSON.
LIVE_CHANNEL = "har:live"

#: Hash of `har.channels.ReleaseAnnouncement` as JSON, by channel; and the pub/sub channel of their changes.
RELEASES_KEY = "har:releases"
RELEASES_CHANNEL = "har:releases:changes"

#: Pub/sub channel of `har.release_rejections.ReleaseRejected` as JSON.
REJECTED_CHANNEL = "har:releases:rejected"

_DEVICE_PREFIX = "har:device:"
#: Pattern that finds every device's latest update.
DEVICE_KEYS = f"{_DEVICE_PREFIX}*"


def device_key(device: str) -> str:
    """Return the key of a device's latest `har.predictions.LiveUpdate`.

    Examples
    --------
    >>> device_key("phone-1")
    'har:device:phone-1'
    """
    return f"{_DEVICE_PREFIX}{device}"
