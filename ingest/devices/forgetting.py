"""Forgetting a device: what it sent is erased where it lies, and said where it cannot be yet."""

import sys

from redis import Redis
from redis.exceptions import RedisError

from har import topics
from har.live import device_key
from ingest.archive.forgetting import forget
from ingest.archive.tables import STORAGE_ERRORS, ChangedElsewhereError
from ingest.devices.registry import Registry
from ingest.devices.settings import ForgetSettings

#: Topics whose messages are a device's, by what they hold.
_TOPICS = (topics.SAMPLES, topics.PREDICTIONS, topics.COMPARISONS, topics.LABELS, topics.REJECTED)


def forget_device(settings: ForgetSettings, registry: Registry) -> int:
    """Erase a device from registry, archive and Redis; return the exit status, which is 1 if anything was not reached.

    Each place is tried although another cannot be reached, and all of it may be done again.
    """
    # First, so that nothing more comes.
    known = registry.forget(settings.name)
    print(f"registry: {'erased, and its tokens revoked' if known else 'there was nothing'}")
    done = [_forget_archived(settings), _forget_live(settings)]
    days = sorted({topic.retention_ms // topics.DAY_MS for topic in _TOPICS})
    print(
        f"Kafka: cannot erase one device's messages; it drops them by itself after {days[0]} days, labels and rejected "
        f"messages after {days[-1]}. The archive keeps them out until then."
    )
    print(
        "Not reached from here: what phones keep themselves, copies of the archive and tables that `har prepare` made "
        "of it (delete them), and releases that were trained on it (train again)."
    )
    return 0 if all(done) else 1


def _forget_archived(settings: ForgetSettings) -> bool:
    try:
        gone = forget(settings.archive, settings.name)
    except (*STORAGE_ERRORS, ChangedElsewhereError) as error:
        print(f"archive: {settings.archive} was NOT erased, run this again: {error}", file=sys.stderr)
        return False
    print(f"archive: {gone.readings} readings and {gone.labels} labels erased, {gone.files} files removed")
    return True


def _forget_live(settings: ForgetSettings) -> bool:
    try:
        with Redis.from_url(str(settings.redis_url), socket_connect_timeout=5, socket_timeout=5) as redis:
            found = redis.delete(device_key(settings.name))
    except RedisError as error:
        print(f"Redis: was NOT reached; it drops what it has of a device after a minute: {error}", file=sys.stderr)
        return False
    print(f"Redis: {'erased' if found else 'there was nothing'}")
    return True
