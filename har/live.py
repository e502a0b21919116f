"""The Redis keys and channels of the live state, which the processor writes and the dashboard reads.

The gateway also keeps there what devices were labelled with.
"""

#: Pub/sub channel of `har.predictions.LiveUpdate` as JSON.
LIVE_CHANNEL = "har:live"

#: Hash of `har.channels.ReleaseAnnouncement` as JSON, by channel.
RELEASES_KEY = "har:releases"
#: Pub/sub channel of changes to `RELEASES_KEY`.
RELEASES_CHANNEL = "har:releases:changes"

#: Pub/sub channel of `har.release_rejections.ReleaseRejected` as JSON.
REJECTED_CHANNEL = "har:releases:rejected"

#: Pub/sub channel of `har.live_faults.LiveFault` as JSON.
FAULTS_CHANNEL = "har:live:faults"

_DEVICE_PREFIX = "har:device:"
_STATED_PREFIX = "har:stated:"
#: Pattern of the keys of all devices.
DEVICE_KEYS = f"{_DEVICE_PREFIX}*"


def device_key(device: str) -> str:
    """Return the key of a device's latest `har.predictions.LiveUpdate`.

    Examples
    --------
    >>> device_key("phone-1")
    'har:device:phone-1'
    """
    return f"{_DEVICE_PREFIX}{device}"


def stated_key(device: str) -> str:
    """Return the key of the activities that a device was labelled with: a sorted set, by when each was stated last, µs.

    Examples
    --------
    >>> stated_key("phone-1")
    'har:stated:phone-1'
    """
    return f"{_STATED_PREFIX}{device}"
