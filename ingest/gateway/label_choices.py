"""The activities that a device can be labelled with: the classes of its release, and what it was labelled with before.

What was stated before is kept in Redis for 30 days, as long as Kafka keeps labels, and is shared by all gateways.
Without Redis, each gateway keeps it in memory. It is a convenience for wearers: the labels themselves are in Kafka and
in the archive.
"""

import logging
from collections import OrderedDict
from typing import cast

import msgspec
import redis.asyncio

from har import topics
from har.activity_names import ACTIVITIES, NULL_LABEL, is_own_word, listed
from har.activity_styles import LABEL_STYLES, ActivityStyle, activity_style
from har.live import device_key, stated_key
from har.predictions import Prediction, decode_update
from har.process.clock import now_us
from har.process.redis_clients import failures_of, open_redis
from har.process.redis_condition import RedisCondition
from har.rejections import RejectedMessage
from har.samples import UNDECODABLE
from ingest.gateway.metrics import GatewayMetrics

log = logging.getLogger(__name__)

#: Most own words of a device within `KEPT_US`.
MAX_OWN_WORDS = 32
#: A word that was not stated for this long is forgotten, µs.
KEPT_US = topics.LABELS.retention_ms * 1_000
#: Most devices whose words are kept in memory; the one that was labelled least recently is dropped first.
MAX_DEVICES = 20_000
_MOST_KEPT = MAX_OWN_WORDS + len(ACTIVITIES)
#: A label does not wait longer than this for Redis, s.
_REDIS_SECONDS = 1.0
_READ, _KEEP = "read what devices were labelled with", "keep what devices were labelled with"
_FAILURES = failures_of(redis.asyncio)


class Choices(msgspec.Struct, frozen=True, tag="activities", tag_field="type"):
    """The activities to choose from.

    Attributes
    ----------
    release : str or None
        The release that classifies the device; None if the device sent nothing lately.
    activities : tuple of ActivityStyle
        The classes of the release, in its order; the usual activities if the release is unknown.
    own : tuple of ActivityStyle
        Other activities that were stated for the device, the newest first.
    """

    release: str | None
    activities: tuple[ActivityStyle, ...]
    own: tuple[ActivityStyle, ...]


class LabelChoices:
    """Reads the classes of devices' releases, and keeps what devices were labelled with.

    Parameters
    ----------
    url : str or None
        URL of Redis; None if there is none.
    metrics : GatewayMetrics
        Counts errors of Redis.

    Attributes
    ----------
    condition : RedisCondition
        Whether Redis worked when it was last used, which may be long ago.
    """

    def __init__(self, url: str | None, metrics: GatewayMetrics) -> None:
        waits = {"socket_timeout": _REDIS_SECONDS, "socket_connect_timeout": _REDIS_SECONDS}
        self._redis = None if url is None else open_redis(redis.asyncio, url, **waits)
        #: When each activity was stated, µs, by device.
        self._kept: OrderedDict[str, dict[str, int]] = OrderedDict()
        self.condition = RedisCondition(log, on_error=lambda kind: metrics.redis_errors.labels(kind).inc())

    async def aclose(self) -> None:
        """Disconnect from Redis."""
        if self._redis is not None:
            await self._redis.aclose()

    async def of(self, device: str) -> Choices:
        """Return the activities to choose from for a device."""
        release, styles = None, LABEL_STYLES
        prediction = await self._newest_prediction(device)
        if prediction is not None:
            release, styles = prediction.release, tuple(map(activity_style, prediction.probabilities))
        names = {style.name for style in styles}
        own = [name for name in await self._stated(device) if name not in names]
        return Choices(release, styles, tuple(map(activity_style, own)))

    async def admit(self, device: str, activity: str) -> None:
        """Check that a device may state an activity, in canonical form.

        Raises
        ------
        RejectedMessage
            With code ``activity`` if it is a new own word, and the device has `MAX_OWN_WORDS` already.
        """
        if not is_own_word(activity):
            return
        own = [name for name in await self._stated(device) if is_own_word(name)]
        if activity not in own and len(own) >= MAX_OWN_WORDS:
            raise RejectedMessage(
                "activity",
                f"{device} has {MAX_OWN_WORDS} words of its own already: use one of them ({listed(own)}). A word that "
                "is not stated for 30 days is forgotten",
            )

    async def note(self, device: str, activity: str) -> None:
        """Keep an activity that a device was labelled with."""
        if activity == NULL_LABEL:
            return
        now = now_us()
        if self._redis is not None:
            key = stated_key(device)
            try:
                pipeline = self._redis.client.pipeline(transaction=False)
                pipeline.zadd(key, {activity: now})
                pipeline.zremrangebyrank(key, 0, -_MOST_KEPT - 1)
                pipeline.pexpire(key, KEPT_US // 1_000)
                await pipeline.execute()
            except _FAILURES as error:
                self.condition.note_failure(_KEEP, error)
            else:
                self.condition.note_success(_KEEP)
                return
        stated = self._kept.setdefault(device, {})
        self._kept.move_to_end(device)
        stated[activity] = now
        if len(stated) > _MOST_KEPT:
            del stated[min(stated, key=lambda name: stated[name])]
        if len(self._kept) > MAX_DEVICES:
            self._kept.popitem(last=False)

    async def _stated(self, device: str) -> list[str]:
        """Return what a device was labelled with in the last 30 days, the newest first."""
        since = now_us() - KEPT_US
        stated = {name: at for name, at in self._kept.get(device, {}).items() if at >= since}
        if self._redis is not None:
            try:
                found = await self._redis.client.zrange(stated_key(device), since, "inf", byscore=True, withscores=True)
                stated |= {name.decode(): int(at) for name, at in cast("list[tuple[bytes, float]]", found)}
                self.condition.note_success(_READ)
            except _FAILURES as error:
                self.condition.note_failure(_READ, error)
        return sorted(stated, key=lambda name: -stated[name])

    async def _newest_prediction(self, device: str) -> Prediction | None:
        if self._redis is None:
            return None
        try:
            update = cast("bytes | None", await self._redis.client.get(device_key(device)))
            return None if update is None else decode_update(update).prediction
        except _FAILURES as error:
            self.condition.note_failure(_READ, error)
        except UNDECODABLE as error:
            log.warning("cannot decode the update of %s in Redis: %s", device, error)
        return None
