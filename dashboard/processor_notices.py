"""Notices of processors that the page shows while they are repeated."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from har.notices import LiveFault, ReleaseRejected, decode_notice

#: How long a notice is shown, s, unless its end is reported. A processor repeats it at most 15 s apart.
NOTICE_SECONDS = 30.0
MAX_WORKERS = 256


class _FromWorker(Protocol):
    @property
    def worker(self) -> str: ...


Notice = TypeVar("Notice", bound=_FromWorker)


class _Recent(Generic[Notice]):
    """The newest notice of each processor, the least recent first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_worker: OrderedDict[str, tuple[float, Notice]] = OrderedDict()

    def add(self, notice: Notice) -> None:
        self._by_worker.pop(notice.worker, None)
        self._by_worker[notice.worker] = (self._clock(), notice)
        if len(self._by_worker) > MAX_WORKERS:
            self._by_worker.popitem(last=False)

    def end(self, worker: str) -> None:
        """Show the notice of a processor no longer."""
        self._by_worker.pop(worker, None)

    def shown(self) -> list[Notice]:
        since = self._clock() - NOTICE_SECONDS
        return [notice for at, notice in self._by_worker.values() if at >= since]


class ProcessorNotices:
    """What processors reported within the last `NOTICE_SECONDS`, in sentences.

    Parameters
    ----------
    clock : callable
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._rejections: _Recent[ReleaseRejected] = _Recent(clock)
        self._faults: _Recent[LiveFault] = _Recent(clock)

    def add_rejection(self, message: bytes) -> None:
        """Store a notice that a processor rejected an update of its release.

        Raises
        ------
        ValueError
            If the message is not valid.
        """
        self._rejections.add(decode_notice(message, ReleaseRejected))

    def add_fault(self, message: bytes) -> None:
        """Store a notice that a processor cannot keep the latest predictions in Redis, or can again.

        Raises
        ------
        ValueError
            If the message is not valid.
        """
        notice = decode_notice(message, LiveFault)
        if notice.ended:
            self._faults.end(notice.worker)
        else:
            self._faults.add(notice)

    def rejection(self) -> str | None:
        """Return the notice about rejected updates of the release; None without one."""
        shown = self._rejections.shown()
        if not shown:
            return None
        newest = shown[-1]
        detail = newest.detail
        return f"{_subject(len(shown))} could not change to a new release: {detail}. Still in use: {newest.serving}."

    def fault(self) -> str | None:
        """Return the notice about Redis, with what it answered; None without one."""
        shown = self._faults.shown()
        if not shown:
            return None
        return f"{_subject(len(shown))} cannot keep the latest predictions in Redis: {shown[-1].detail.rstrip('.')}."


def _subject(count: int) -> str:
    return "A processor" if count == 1 else f"{count} processors"
