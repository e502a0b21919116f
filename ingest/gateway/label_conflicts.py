"""Rejects a label that the archive would take for a repeat of another one."""

from collections import OrderedDict

from har.labels import Label
from har.rejections import RejectedMessage

#: Most labels to remember, of all devices.
MAX_LABELS = 10_000


class LabelConflicts:
    """Remembers the newest labels, by device, session, start and `said_at`.

    Of labels that have all four in common, the archive keeps the first. Another gateway, and this one after a restart,
    does not know them.
    """

    def __init__(self) -> None:
        self._labels: OrderedDict[tuple[str, str, int, int], Label] = OrderedDict()

    def check(self, label: Label) -> None:
        """Check a label and remember it. A repeat is accepted, because senders send again what was not answered.

        Raises
        ------
        RejectedMessage
            With code ``conflict`` if a label that differs from it was stated at the same time.
        """
        name = label.device, label.session, label.start, label.said_at
        known = self._labels.setdefault(name, label)
        if known != label:
            raise RejectedMessage(
                "conflict",
                f"said_at {label.said_at} was sent before with another activity, end or user: to correct a label, "
                "send a later said_at",
            )
        self._labels.move_to_end(name)
        if len(self._labels) > MAX_LABELS:
            self._labels.popitem(last=False)
