"""The result of an audit as text."""

from datetime import UTC, datetime

from deploy.audit.findings import Audit, Example
from deploy.audit.stored import Unreadable
from har.time_units import MICROSECONDS


def describe(audit: Audit) -> str:
    """Return the result as lines for a terminal."""
    lines = [
        f"reference: {audit.release}, tolerance {audit.tolerance:g}",
        *_batches(audit),
        *_windows(audit),
    ]
    remarks = {name: finding for name, finding in audit.remarks.items() if finding.count}
    for name, finding in (audit.faults | remarks).items():
        lines.append(f"  {name:<23} {finding.count:>9,}")
        lines += [f"      {_location(example)}" for example in finding.examples]
    if audit.is_empty:
        return "\n".join([*lines, "no result: there is no batch to audit"])
    if audit.is_clean:
        return "\n".join([*lines, "clean: nothing was lost, invented, changed or reordered"])
    kinds = ", ".join(name for name, finding in audit.faults.items() if finding.count)
    return "\n".join([*lines, f"FAULTS: {kinds}"])


def _batches(audit: Audit) -> list[str]:
    stored = (
        f"{audit.sessions:,} sessions; {audit.batches_stored:,} batches in Kafka, "
        f"{audit.batches_repeated:,} repeated messages, {audit.batches_unusable:,} unusable messages"
    )
    rejected = ", ".join(f"{count:,} {code}" for code, count in audit.rejected.items()) or "nothing"
    if audit.batches_acknowledged is None:
        missing = audit.numbers_missing or 0
        known = f"no journals: batches in Kafka count as acknowledged; {missing:,} sequence numbers missing"
    else:
        known = (
            f"{audit.batches_acknowledged:,} batches acknowledged in the journals, "
            f"{audit.batches_unacknowledged or 0:,} in Kafka but in no journal"
        )
    return [stored, known, f"rejected by the processor: {rejected}", *map(_unreadable, audit.unreadable)]


def _unreadable(batch: Unreadable) -> str:
    return f"UNREADABLE {batch.partition}, offsets {batch.first} to {batch.last}: {batch.reason}"


def _windows(audit: Audit) -> list[str]:
    return [
        f"{audit.windows_expected:,} windows expected, {audit.windows_answered:,} predicted: "
        f"{audit.windows_allowed:,} optional, {audit.windows_before_log:,} from before the log",
        f"{audit.windows_compared:,} compared ({audit.windows_with_reference:,} with an upright reference, "
        f"{audit.windows_with_head:,} with a personal head), "
        f"largest difference {audit.max_difference:.3g}; "
        f"{audit.windows_of_other_releases:,} of other releases; {audit.predictions_repeated:,} repeated predictions",
        f"predicted by {', '.join(f'{name} ({count:,})' for name, count in audit.releases.items()) or 'none'}; "
        f"at most {audit.most_release_changes:,} release changes of a device",
    ]


def _location(example: Example) -> str:
    if example.start is None:
        place = f"batch {example.sequence}"
    else:
        when = datetime.fromtimestamp(example.start / MICROSECONDS, UTC)
        place = f"window {example.start} ({when:%Y-%m-%d %H:%M:%S} UTC)"
    return f"{example.device} {example.session} {place}{': ' if example.detail else ''}{example.detail}"
