"""An audit as text for a person."""

from datetime import UTC, datetime

from deploy.audit.findings import Audit, Example
from har.windows import MICROSECONDS


def describe(audit: Audit) -> str:
    """Return the audit as lines for a person."""
    lines = [
        f"audited by {audit.release}, every probability to {audit.tolerance:g}",
        *_batches(audit),
        *_windows(audit),
    ]
    for name, finding in audit.faults.items():
        lines.append(f"  {name:<23} {finding.count:>9,}")
        lines += [f"      {_place(example)}" for example in finding.examples]
    if audit.is_clean:
        return "\n".join([*lines, "clean: nothing was lost, invented, changed or disordered"])
    kinds = ", ".join(name for name, finding in audit.faults.items() if finding.count)
    return "\n".join([*lines, f"FAULTS: {kinds}"])


def _batches(audit: Audit) -> list[str]:
    stored = (
        f"{audit.sessions:,} sessions; {audit.batches_stored:,} batches in Kafka, "
        f"{audit.batches_repeated:,} messages that repeat one, {audit.batches_unusable:,} that are none"
    )
    rejected = ", ".join(f"{count:,} {code}" for code, count in audit.rejected.items()) or "nothing"
    if audit.batches_acknowledged is None:
        known = (
            f"no journals: what Kafka holds counts as known; {audit.numbers_missing or 0:,} sequence numbers missing"
        )
    else:
        known = (
            f"{audit.batches_acknowledged:,} batches acknowledged by the journals, "
            f"{audit.batches_unacknowledged or 0:,} in Kafka that no journal has"
        )
    return [stored, known, f"rejected by the processor: {rejected}"]


def _windows(audit: Audit) -> list[str]:
    return [
        f"{audit.windows_expected:,} windows expected, {audit.windows_answered:,} answered: "
        f"{audit.windows_allowed:,} need not have been, {audit.windows_before_log:,} from before the log",
        f"{audit.windows_compared:,} compared, largest difference {audit.max_difference:.3g}; "
        f"{audit.windows_of_other_releases:,} of other releases; {audit.predictions_repeated:,} repeats",
        f"answered by {', '.join(f'{name} ({count:,})' for name, count in audit.releases.items()) or 'none'}; "
        f"a device's release changed {audit.most_release_changes:,} times at most",
    ]


def _place(example: Example) -> str:
    if example.start is None:
        where = f"batch {example.sequence}"
    else:
        when = datetime.fromtimestamp(example.start / MICROSECONDS, UTC)
        where = f"window {example.start} ({when:%Y-%m-%d %H:%M:%S} UTC)"
    return f"{example.device} {example.session} {where}{': ' if example.detail else ''}{example.detail}"
