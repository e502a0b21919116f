"""`har classify`: name the activity in each window of recordings in files."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import msgspec

from classify.answers import Answer, answers
from classify.output import STANDARD_OUTPUT, opened_table
from classify.plots import PICTURE, write_plot
from classify.plots.collecting import DrawnSessions
from classify.progress import Report, shown_progress
from classify.releases import StoreAccess, open_classifier
from classify.settings import HYPHEN, ClassifySettings
from classify.standard_input import StandardInput, kept_standard_input
from classify.summary import Summariser, Summary
from classify.summary_text import summary_text
from classify.windows import DataSetWindows
from har.activity_names import listed
from har.process.ending import NOT_REACHED, NOT_TRIED, OUTPUT_CLOSED, REACHED, report_failure
from har.recordings import RecordingError
from har.release_documents import ReleaseError
from har.releases import ReleaseManifest
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec
from model_store.release_classifier import ReleaseClassifier
from recording_files import Part, Source, find_source
from recording_files.checking.data_set import DataSetCheck
from recording_files.checking.finding import Weight
from recording_files.checking.inspection import Inspection

#: Number of readings of each session, by device, user and session.
Readings = dict[tuple[str, str, str], int]


def run(settings: ClassifySettings) -> int:
    """Classify files; return the exit status."""
    try:
        _require_writable(settings)
        summary = _classified(settings)
    except (RecordingError, ReleaseError) as error:
        report_failure("har classify", error)
        return NOT_TRIED
    except BrokenPipeError:  # standard error has no reader any more
        return OUTPUT_CLOSED
    except OSError as error:  # a table, a plot or a kept file cannot be written
        named = error.filename is not None
        report_failure("har classify", f"{error.filename} cannot be written: {error.strerror}" if named else error)
        return NOT_REACHED
    text = msgspec.json.encode(summary).decode() if settings.json_output else summary_text(summary)
    print(text, file=sys.stderr if settings.output == STANDARD_OUTPUT else sys.stdout)
    return REACHED


def _require_writable(settings: ClassifySettings) -> None:
    """Raise if a file that would be written is one that is read or has no folder, or a picture cannot be drawn.

    The folder is looked at before hours of recordings are.
    """
    written = [path for path in (settings.output, settings.plot) if path is not None and path != STANDARD_OUTPUT]
    for path in written:
        if any(name != HYPHEN and Path(name).exists() and _is_same(Path(name), path) for name in settings.files):
            raise RecordingError(f"{path} is read: write the answers to another file")
        if not path.parent.is_dir():
            raise RecordingError(f"{path} cannot be written: there is no folder {path.parent}")
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise RecordingError(f"{path} cannot be written: it is a folder, or its folder allows no new files")
    if settings.plot is not None and settings.plot.suffix.lower() == PICTURE and find_spec("matplotlib") is None:
        raise RecordingError("--plot NAME.png needs matplotlib: pip install 'har-stream[plot]', or --plot NAME.html")


def _is_same(read: Path, written: Path) -> bool:
    return written.exists() and read.samefile(written)


def _classified(settings: ClassifySettings) -> Summary:
    """Classify the files and write what is asked for. Nothing is written before all files are checked."""
    with ExitStack() as stack:
        classifier = open_classifier(settings.release, _store_access(settings))
        manifest = classifier.manifest
        spec = _window_spec(manifest, settings.hop)
        sources = _found(settings, stack)
        if manifest.personal:
            _tell_personal(manifest)
        report = stack.enter_context(shown_progress(quiet=settings.quiet))
        inspection = Inspection(settings.force, settings.quiet, spec, manifest.signal_bounds)
        files: dict[Path, Source] = {}
        expected = [_inspected(source, inspection, report, files) for source in sources]
        summariser = Summariser(manifest, spec)
        write = stack.enter_context(opened_table(settings.output, manifest.classes)) if settings.output else None
        drawn = DrawnSessions() if settings.plot else None
        for answer in _answers(sources, classifier, spec, expected, drawn, report):
            if write is not None:
                write(answer)
            if drawn is not None:
                drawn.add(answer)
            summariser.add(answer)
        summary = summariser.summary()
        if not summary.windows:
            raise RecordingError(f"no session is long enough for a window of {spec.length_us / MICROSECONDS:g} s")
        if settings.plot is not None and drawn is not None:
            write_plot(settings.plot, drawn, summariser.sessions, summary)
        return summary


def _tell_personal(manifest: ReleaseManifest) -> None:
    what = f"{manifest.release} is a personal release, trained on {listed(manifest.training_users)}"
    print(f"{Weight.WARNS}: {what}: how well it does for others was not measured", file=sys.stderr)


def _store_access(settings: ClassifySettings) -> StoreAccess:
    token = settings.store_token
    return StoreAccess(
        settings.trusted_root, None if token is None else token.get_secret_value(), folder=settings.folder
    )


def _window_spec(manifest: ReleaseManifest, hop: float | None) -> WindowSpec:
    spec = manifest.window_spec
    if hop is None:
        return spec
    try:
        return msgspec.structs.replace(spec, hop_us=round(hop * MICROSECONDS))
    except ValueError as error:
        step = spec.period_us / MICROSECONDS
        raise ReleaseError(f"--hop {hop:g} must be a multiple of {step:g} s with {manifest.release}") from error


def _found(settings: ClassifySettings, stack: ExitStack) -> list[Source]:
    """Find the data sets; what comes from the standard input is kept until the stack is closed."""
    options, sources = settings.columns(), list[Source]()
    for name in dict.fromkeys(settings.files):
        if name == HYPHEN:
            sources.append(StandardInput(stack.enter_context(kept_standard_input()), options))
            continue
        try:
            sources.append(find_source(name, options=options))
        except OSError as error:
            raise RecordingError(f"{name} cannot be read: {error.strerror}") from error
    return sources


def _inspected(source: Source, inspection: Inspection, report: Report, files: dict[Path, Source]) -> Readings:
    """Check a data set and tell what was understood; return its number of readings by session.

    Raises
    ------
    RecordingError
        If it cannot be read, one of its files is in `files`, those of earlier data sets, to which it is added, or
        something makes answers meaningless.
    """
    checked = DataSetCheck(source.rate_hz, inspection.spec, inspection.bounds)
    for part in _parts(source, "checking", report, None):
        if (first := files.setdefault(part.file.resolve(), source)) is not source:
            where = f", in {first.path} and in {source.path}" if first.path != source.path else ""
            raise RecordingError(f"{part.file} would be classified twice{where}: name it once")
        checked.add(part)
    inspection.report(source, checked)
    return {key: session.readings for key, session in checked.sessions.items()}


def _answers(
    sources: Sequence[Source],
    classifier: ReleaseClassifier,
    spec: WindowSpec,
    expected: Sequence[Readings],
    drawn: DrawnSessions | None,
    report: Report,
) -> Iterator[Answer]:
    for source, readings in zip(sources, expected, strict=True):
        windows = DataSetWindows(spec, expected=readings)
        if drawn is not None:
            windows.on_readings = drawn.add_readings
        parts = _parts(source, "classifying", report, sum(readings.values()))
        yield from answers(windows.cut(parts), classifier)


def _parts(source: Source, doing: str, report: Report, total: int | None) -> Iterator[Part]:
    """Read a data set, and report how far it is."""
    done = 0
    try:
        for part in source.parts():
            yield part
            done += len(part)
            report(f"{doing} {source.path.name}", done, total)
    except OSError as error:
        raise RecordingError(f"{source.path} cannot be read: {error.strerror}") from error
