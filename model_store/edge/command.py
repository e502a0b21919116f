"""`har edge`: the edge client on the command line. Predictions go to standard output, logs to standard error."""

import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np
from pydantic import SecretStr

from har.predictions import Prediction, encode_prediction
from har.process.clock import now_us
from har.process.ending import NOT_REACHED, REACHED, report_failure
from har.process.limited_log import LimitedLog
from har.process.log_format import configure_logs
from har.process.start_line import log_start
from har.recordings import RecordingError
from har.release_documents import ReleaseError
from har.session_references import judged, reference_after
from har.signal_quality import counted_reasons
from har.upright import NO_REFERENCE
from har.windowing import recording_windows
from model_store.client.errors import UpdateRejectedError
from model_store.client.fetching import BoundedFetcher
from model_store.client.last_good import ClientFolder
from model_store.client.release_client import ReleaseClient
from model_store.client.trusted_root import read_trusted_root
from model_store.edge.bench import measure
from model_store.edge.edge_client import EdgeClient
from model_store.edge.readings import ReadingError, in_pieces, parse_line, read_recording
from model_store.edge.settings import (
    EdgeBenchSettings,
    EdgeClientSettings,
    EdgePullSettings,
    EdgeRunSettings,
    EdgeSettings,
)
from model_store.edge.updates import CurrentRelease, ReleaseUpdater

log = logging.getLogger(__name__)

#: Most rejected lines that are logged one by one in ten seconds. The others are counted.
MAX_LOGGED_LINES = 20


def run(settings: EdgeSettings) -> int:
    """Run the chosen subcommand; return the exit status."""
    try:
        if settings.run is not None:
            return _run(settings.run)
        if settings.pull is not None:
            return _pull(settings.pull)
        assert settings.bench is not None
        return _bench(settings.bench)
    except (ReleaseError, RecordingError, OSError) as error:
        report_failure("har edge", error)
        return NOT_REACHED


def _run(settings: EdgeRunSettings) -> int:
    configure_logs("edge", settings)
    client = EdgeClient(
        settings.store_url,
        read_trusted_root(settings.trusted_root),
        settings.folder,
        settings.device,
        session=settings.session,
        form=settings.form,
        interval_seconds=settings.interval_seconds,
        first_seconds=settings.first_seconds,
        token=_secret(settings.store_token),
        report_to=settings.report_to,
        gateway_token=_secret(settings.gateway_token),
        on_change=_log_change,
        on_rejected=lambda rejected: _log_rejection(rejected, client.updates.current),
    )
    with client:
        log_start(log, settings, uses={"release": client.release, "store": settings.store_url})
        if settings.recording is not None:
            client.updates.wait_for_check(settings.first_seconds)
            return _classify_recording(client, settings.device, settings.recording)
        status = _classify_lines(client, sys.stdin, settings.piece_readings)
    if client.reports is not None:
        reports = client.reports
        log.info("reported %d windows, %d rejected, %d dropped", reports.reported, reports.rejected, reports.dropped)
        if reports.rejected + reports.dropped:
            lost = f"{reports.rejected} predictions rejected, {reports.dropped} not reported to {settings.report_to}"
            report_failure("har edge", lost)
            return NOT_REACHED
    return status


def _classify_recording(client: EdgeClient, device: str, path: Path) -> int:
    """Classify a whole recording with the current release. Times are those of the recording."""
    network = client.network
    head = client.head(network.manifest.release)
    arrived = now_us()
    count = 0
    unclassified: Counter[str] = Counter()
    for session in read_recording(path):
        reference = NO_REFERENCE
        for window in recording_windows(session.times, session.axes, network.manifest.window_spec):
            (alone,) = network.predict(device, session.name, [window], [arrived], head)
            prediction = judged(alone, network.manifest, window.values, reference)
            reference = reference_after(prediction)
            _print(prediction)
            count += 1
            unclassified.update([prediction.reason] if prediction.reason is not None else ())
    reasons = f": {counted_reasons(unclassified)}" if unclassified else ""
    log.info("%d windows of %s; in %d the readings tell too little%s", count, path, unclassified.total(), reasons)
    if not count:
        report_failure("har edge", f"{path}: no session is long enough for a window")
        return NOT_REACHED
    return REACHED


def _classify_lines(client: EdgeClient, lines: Iterable[str], piece_readings: int) -> int:
    """Classify readings as they arrive. Invalid lines are logged, counted and skipped."""
    parser, windows = _LineParser(), 0
    try:
        for piece in in_pieces(iter(lines), piece_readings):
            readings = list(parser.readings(piece))
            if not readings:
                continue
            times, axes = zip(*readings, strict=True)
            try:
                predictions = client.add(np.array(times, np.int64), np.array(axes, np.float32))
            except ValueError as error:
                parser.reject(f"{len(readings)} readings up to line {parser.lines}: {error}", len(readings))
                continue
            for prediction in predictions:
                _print(prediction)
            windows += len(predictions)
    finally:
        parser.close()
    if parser.rejected:
        report_failure("har edge", f"{parser.rejected} of {parser.lines} lines rejected")
    elif not windows:
        report_failure("har edge", f"{parser.lines} lines: too few readings for a window")
    return REACHED if windows and not parser.rejected else NOT_REACHED


class _LineParser:
    """Parses lines to readings; counts and logs those that are rejected."""

    def __init__(self) -> None:
        self.lines = 0
        self.rejected = 0
        self._last_time = 0
        self._log = LimitedLog(log, lines=MAX_LOGGED_LINES)

    def readings(self, piece: list[str]) -> Iterator[tuple[int, tuple[float, float, float]]]:
        for line in piece:
            self.lines += 1
            try:
                reading = parse_line(line)
            except ReadingError as error:
                self.reject(f"line {self.lines}: {error}", 1)
            else:
                if reading is None:
                    continue
                if reading[0] <= self._last_time:
                    self.reject(f"line {self.lines}: its time is not later than that of the previous reading", 1)
                    continue
                self._last_time = reading[0]
                yield reading

    def reject(self, detail: str, lines: int) -> None:
        self.rejected += lines
        self._log.warn("rejected", "rejected: %s", detail)

    def close(self) -> None:
        """Log the count of the rejected lines that were not logged."""
        self._log.flush()


def _pull(settings: EdgePullSettings) -> int:
    configure_logs("edge", settings)
    updates = ReleaseUpdater(
        _release_client(settings), settings.device, settings.form, interval_seconds=1, on_change=_log_change
    )
    updates.load_last_good()
    if not updates.update():
        log.info("the release is up to date")
    return REACHED


def _release_client(settings: EdgeClientSettings) -> ReleaseClient:
    return ReleaseClient(
        settings.store_url,
        read_trusted_root(settings.trusted_root),
        ClientFolder(settings.folder),
        (settings.form,),
        BoundedFetcher(token=_secret(settings.store_token)),
    )


def _bench(settings: EdgeBenchSettings) -> int:
    cost = measure(settings.release, settings.form, settings.windows)
    if settings.json_output:
        print(msgspec.json.encode(cost).decode())
        return REACHED
    print(f"{cost.release} as {cost.form}, {cost.windows} windows, one per call, one thread")
    print(f"  one window               p50 {cost.p50_ms:.3f} ms, p95 {cost.p95_ms:.3f} ms, p99 {cost.p99_ms:.3f} ms")
    print(f"  one second of readings   p50 {cost.p50_second_ms:.3f} ms (resampled, cut and classified)")
    print(f"  memory                   {cost.resident_mb:.0f} MB resident at peak, including Python")
    return REACHED


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value is not None else None


def _print(prediction: Prediction) -> None:
    print(encode_prediction(prediction).decode(), flush=True)


def _log_change(current: CurrentRelease) -> None:
    head = f", corrected by personal head {current.head.number}" if current.head is not None else ""
    log.info("now classifying with %s (%s)%s", current.pointer.release, current.channel, head)


def _log_rejection(rejected: UpdateRejectedError, current: CurrentRelease | None) -> None:
    kept = f"keeping {current.pointer.release}" if current is not None else "this device has no release yet"
    log.warning("%s; %s, will ask the store again", rejected, kept)
