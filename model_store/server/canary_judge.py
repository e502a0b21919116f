"""Judge the canary of a store continuously: end it if it breaches a limit, promote it if it passes."""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import datetime

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaError, LogTruncationError

from har import rights, topics
from har.channels import CANARY, MAX_REASON_CHARACTERS, STABLE, ChannelPointer
from har.comparisons import decode_comparison
from har.labels import decode_label
from har.process import kafka_access
from har.process.back_off import BackOff
from har.process.kafka_clients import open_reader
from har.process.kafka_connection import KafkaConnection
from har.process.unreadable_batch import UnreadableBatch
from har.recordings import RecordingError
from har.rejections import RejectedMessage
from har.release_documents import ReleaseError
from model_store.canary.evidence import Evidence
from model_store.canary.judgement import CanaryLimits, Judgement, judge
from model_store.repository.publishing import promote, rollback
from model_store.repository.signed_state import Signing
from model_store.server.announcing import Announcer
from model_store.server.current_state import CurrentState

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
MAX_RECORDS = 2_000
#: How long a broker may wait for new messages before it answers a fetch, ms.
FETCH_WAIT_MS = 500
#: Least time between two judgements, s. Each one evaluates all windows.
JUDGE_SECONDS = 1.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 10.0


@dataclass
class _Trial:
    """A canary under judgement, with its evidence and the consumer that reads more."""

    canary: ChannelPointer
    stable: ChannelPointer
    evidence: Evidence
    consumer: KafkaConsumer

    @classmethod
    def begin(cls, canary: ChannelPointer, stable: ChannelPointer, kafka: KafkaConnection) -> "_Trial":
        assert canary.release is not None and stable.release is not None
        consumer = open_reader(
            KafkaConsumer,
            kafka,
            topics.COMPARISONS.name,
            topics.LABELS.name,
            fetch_wait_ms=FETCH_WAIT_MS,
            max_records=MAX_RECORDS,
            reset="earliest",
        )
        return cls(canary, stable, Evidence(canary.release, stable.release), consumer)

    def is_of(self, canary: ChannelPointer | None, stable: ChannelPointer | None) -> bool:
        return (self.canary, self.stable) == (canary, stable)

    @property
    def age_seconds(self) -> float:
        return time.time() - datetime.fromisoformat(self.canary.at).timestamp()

    def read_more(self) -> bool:
        """Read new records from Kafka; return whether there were any."""
        polled = self.consumer.poll(round(POLL_SECONDS * 1_000))
        for records in polled.values():
            for record in records:
                self._add(record.topic, record.value or b"")
        return bool(polled)

    def _add(self, topic: str, message: bytes) -> None:
        if isinstance(message, UnreadableBatch):
            log.error("skipped messages of %s: %s", topic, message.detail)
            return
        try:
            if topic == topics.COMPARISONS.name:
                self.evidence.add(decode_comparison(message))
            else:
                self.evidence.add_label(decode_label(message))
        except (ReleaseError, RecordingError, RejectedMessage) as error:
            log.warning("ignored a message on %s: %s", topic, error)


class CanaryJudge:
    """Judges the current canary of a store.

    Parameters
    ----------
    current : CurrentState
        The store.
    signing : Signing
        The online keys.
    announcer : Announcer
        Notified of changes.
    kafka : KafkaConnection
        How to connect to Kafka.
    limits : CanaryLimits
        Limits for a canary.
    auto : bool
        Whether to promote a canary that passes. If not, a person promotes it.

    Attributes
    ----------
    judgement : Judgement or None
        Latest judgement of the current canary; None without a canary or before the first judgement.
    """

    def __init__(
        self,
        current: CurrentState,
        signing: Signing,
        announcer: Announcer,
        kafka: KafkaConnection,
        limits: CanaryLimits,
        *,
        auto: bool,
    ) -> None:
        self._current = current
        self._signing = signing
        self._announcer = announcer
        self._kafka = kafka
        self._limits = limits
        self._auto = auto
        self._trial: _Trial | None = None
        self._has_news = False
        self._judge_at = 0.0
        self._looking: asyncio.Task[None] | None = None
        self.judgement: Judgement | None = None

    async def run(self) -> None:
        """Judge until cancelled."""
        back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        try:
            while True:
                self._looking = asyncio.create_task(asyncio.to_thread(self._look))
                try:
                    # Shielded, as the consumer must not be closed while the thread reads from it.
                    await asyncio.shield(self._looking)
                except (ReleaseError, OSError, KafkaError) as error:
                    why = await asyncio.to_thread(
                        kafka_access.reason, KafkaAdminClient, self._kafka, rights.STORE, error
                    )
                    log.warning("cannot judge the canary, will retry: %s", why)
                    await asyncio.sleep(back_off.next_pause())
                else:
                    back_off.reset()
                if self._trial is None:
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            if self._looking is not None:
                await asyncio.wait([self._looking])
            self._end_trial()

    def _look(self) -> None:
        pointers = self._current.look().pointers
        canary, stable = pointers.get(CANARY), pointers.get(STABLE)
        if self._trial is not None and not self._trial.is_of(canary, stable):
            self._end_trial()
        if canary is None or canary.release is None or stable is None:
            return
        if self._trial is None:
            self._trial = _Trial.begin(canary, stable, self._kafka)
            log.info("comparing the canary %s with %s", canary.release, stable.release)
        try:
            self._has_news |= self._trial.read_more()
        except LogTruncationError as error:  # the consumer would raise it at each poll
            log.warning("a log of Kafka was cut short, or its topic created anew; collecting evidence anew: %s", error)
            self._end_trial()
            return
        if self.judgement is None or (self._has_news and time.monotonic() >= self._judge_at):
            self._has_news, self._judge_at = False, time.monotonic() + JUDGE_SECONDS
            self._judge(self._trial)

    def _judge(self, trial: _Trial) -> None:
        previous = self.judgement
        self.judgement = judgement = judge(trial.evidence.measure(), self._limits, trial.age_seconds)
        if previous is None or previous.verdict != judgement.verdict:
            log.info("canary %s: %s: %s", trial.canary.release, judgement.verdict, judgement.reason)
        reason = f"judged automatically: {judgement.reason}"[:MAX_REASON_CHARACTERS]
        storage = self._current.storage
        if judgement.verdict == "breach":
            rollback(storage, self._signing, channel=CANARY, reason=reason)
        elif judgement.verdict == "pass" and self._auto:
            promote(storage, self._signing, reason=reason)
        else:
            return
        self._announcer.look()

    def _end_trial(self) -> None:
        if self._trial is not None:
            self._trial.consumer.close()
        self._trial = None
        self.judgement = None
