"""Test a bad and a good canary on the running system: `python -m benchmarks.canaries --data hapt.parquet --data …`.

Two releases are trained: one on shuffled labels, and one for a few short epochs. The system runs on Apache Kafka with
simulated phones. First the release with shuffled labels is a canary beside the shipped release; it must be rolled back
automatically. Then the shipped release is a canary beside the second release; it must be promoted automatically. The
log is audited at the end.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
import pandas as pd

from deploy.addresses import choose_addresses
from deploy.audit.auditing import audit
from deploy.kafka.cluster import KafkaCluster
from deploy.local_store import LocalStore
from deploy.processes import ProcessGroup
from deploy.stack import Stack, har
from har.channels import Channel, ChannelPointer
from model_store.release_folder import open_release
from model_store.repository.contents import history, pointers
from model_store.repository.publishing import publish
from model_store.repository.signed_state import read_state
from model_store.repository.storage import Storage

ACTIVITIES = ("walk", "stairsup", "stairsdown", "sit", "stand")
JUDGING = ("--auto", "--canary-seconds", "30")
TRIAL_SECONDS = 180.0
SETTLE_SECONDS = 8.0


def with_shuffled_labels(data: Path, output: Path) -> Path:
    """Write recordings in which each stretch of one activity gets a random activity as its ground truth."""
    table = pd.read_parquet(data)
    labels = table["gt"].to_numpy(object).copy()
    sessions = (table["user"].astype(str) + "/" + table["session"].astype(str)).to_numpy()
    chance = np.random.default_rng(0)
    cuts = np.flatnonzero((labels[1:] != labels[:-1]) | (sessions[1:] != sessions[:-1])) + 1
    for begin, end in zip([0, *cuts], [*cuts, len(labels)], strict=True):
        if labels[begin] in ACTIVITIES:
            labels[begin:end] = chance.choice(ACTIVITIES)
    table.assign(gt=labels).to_parquet(output)
    return output


def train(name: str, data: list[Path], folder: Path) -> Path:
    """Train a release for a few short epochs; return its folder."""
    words = (
        "--output",
        str(folder / name),
        "--name",
        name,
        "--epochs",
        "5",
        "--windows-per-epoch",
        "4800",
        "--seed",
        "1",
    )
    sources = [word for path in data for word in ("--data", str(path))]
    subprocess.run(har("train", *sources, *words), check=True)
    return folder / name / "release"


class Publishing(TypedDict, total=False):
    """How a release is published, see `model_store.repository.publishing.publish`."""

    channel: Channel
    share: float
    reason: str


class Trials:
    """Publishes canaries to a running system and waits for the judgement."""

    def __init__(self, stack: Stack) -> None:
        assert stack.store is not None
        self._storage, self._signing = Storage(stack.store.url), stack.store.signing

    def publish(self, release: Path, **options: Unpack[Publishing]) -> None:
        publish(self._storage, self._signing, release, **options)

    def latest(self) -> ChannelPointer:
        return history(self._storage, read_state(self._storage))[-1]

    async def until_judged(self) -> bool:
        """Wait until the canary is promoted or rolled back; return whether this happened within `TRIAL_SECONDS`."""
        began = time.monotonic()
        while time.monotonic() - began < TRIAL_SECONDS:
            found = pointers(self._storage, read_state(self._storage))
            if found["canary"].release is None:
                latest = self.latest()
                print(f"{latest.change} after {time.monotonic() - began:.0f} s: {latest.reason}", flush=True)
                return True
            await asyncio.sleep(0.5)
        print(f"the canary was not judged within {TRIAL_SECONDS:g} s")
        return False


async def run(folder: Path, phones: int, shuffled: Path, weak: Path) -> bool:
    with KafkaCluster(folder / "kafka") as cluster, (folder / "log").open("w") as log:
        group = ProcessGroup(log)
        store = LocalStore(folder / "releases", JUDGING)
        stack = Stack(choose_addresses(kafka=cluster.kafka), folder, group, store=store)
        try:
            await stack.start()
            words = ("simulate", "--devices", str(phones), "--gateway", stack.addresses.gateway_url)
            senders = await group.start("phones", har(*words, "--journal", str(folder / "journals")))
            await asyncio.sleep(SETTLE_SECONDS)
            trials = Trials(stack)
            trials.publish(shuffled, channel="canary", share=0.1, reason="trained on shuffled labels")
            ended = await trials.until_judged() and trials.latest().change == "rollback"
            trials.publish(weak, reason="trained for a few short epochs")
            await asyncio.sleep(SETTLE_SECONDS)
            trials.publish(open_release("baseline").folder, channel="canary", share=0.2, reason="the shipped release")
            promoted = await trials.until_judged() and trials.latest().change == "promote"
            await group.stop(senders)
            found = await asyncio.to_thread(audit, cluster.kafka, journals=folder / "journals")
        finally:
            await group.stop_all()
    print(f"{found.windows_expected} windows of {phones} phones, {found.missing.count} missing; {found.releases}")
    return ended and promoted and found.is_clean


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, action="append", required=True, help="recordings (Parquet); repeatable")
    parser.add_argument("--phones", type=int, default=60, help="number of simulated phones")
    return parser


def main() -> int:
    chosen = argument_parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="har-canaries-") as name:
        folder = Path(name)
        shuffled = train("shuffled-labels", [with_shuffled_labels(chosen.data[0], folder / "shuffled.parquet")], folder)
        weak = train("few-short-epochs", chosen.data, folder)
        return 0 if asyncio.run(run(folder, chosen.phones, shuffled, weak)) else 1


if __name__ == "__main__":
    sys.exit(main())
