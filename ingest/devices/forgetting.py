"""Forgetting a device: erase its data from the registry, the archive and Redis, and report what remains elsewhere."""

import sys
from collections.abc import Callable
from contextlib import closing

import redis

from har import topics
from har.live import device_key, stated_key
from har.process.redis_clients import failures_of, open_redis
from har.process.redis_errors import words_of
from ingest.archive.forgetting import forget
from ingest.archive.tables import STORAGE_ERRORS, ChangedElsewhereError
from ingest.devices.registry import Registry
from ingest.devices.settings import ForgetSettings

#: Topics that hold messages of devices.
_TOPICS = (topics.SAMPLES, topics.PREDICTIONS, topics.COMPARISONS, topics.LABELS, topics.REJECTED)


def forget_device(
    settings: ForgetSettings, registry: Registry, forget_elsewhere: Callable[[ForgetSettings], bool]
) -> int:
    """Erase a device from registry, archive, Redis and elsewhere; return the exit status: 1 if one of them failed.

    A failure in one does not stop the erasure in the others. The command can be repeated.

    Parameters
    ----------
    settings : ForgetSettings
        The device, and where its data are.
    registry : Registry
        The device registry.
    forget_elsewhere : callable
        Erases the device from what this package does not know; returns whether it succeeded.

    Raises
    ------
    RegistryError
        If the registry cannot be read or written; nothing else is erased then.
    """
    # The registry comes first, so that the device cannot send anything new.
    known = registry.forget(settings.name)
    print(f"registry: {'erased, and its tokens revoked' if known else 'nothing to erase'}")
    succeeded = [_forget_archived(settings), _forget_live(settings), forget_elsewhere(settings)]
    days = sorted({topic.retention_ms // topics.DAY_MS for topic in _TOPICS})
    print(
        f"Kafka: cannot erase the messages of one device; they expire after {days[0]} days, labels and rejected "
        f"messages after {days[-1]}. Until then, the archive does not store them again."
    )
    print(
        "Not erased: data on the phones themselves, copies of the archive, tables that `har prepare` made from it "
        "(delete them), and releases that were trained on it (train again)."
    )
    return 0 if all(succeeded) else 1


def _forget_archived(settings: ForgetSettings) -> bool:
    try:
        gone = forget(settings.archive, settings.name)
    except (*STORAGE_ERRORS, ChangedElsewhereError) as error:
        print(f"archive: {settings.archive} was NOT erased; run this command again: {error}", file=sys.stderr)
        return False
    print(f"archive: {gone.readings} readings and {gone.labels} labels erased, {gone.files} files removed")
    return True


def _forget_live(settings: ForgetSettings) -> bool:
    try:
        with closing(open_redis(redis, settings.redis_url)) as opened:
            # On a cluster, the keys may lie on different nodes.
            found = sum(opened.client.delete(key(settings.name)) for key in (device_key, stated_key))
    except failures_of(redis) as error:
        print(
            "Redis: was NOT erased; its data of a device expires after a minute, the words of its labels after 30 "
            f"days: {words_of(error)}",
            file=sys.stderr,
        )
        return False
    print(f"Redis: {'erased' if found else 'nothing to erase'}")
    return True
