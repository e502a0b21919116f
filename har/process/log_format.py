"""The log of every process: one line per event on standard error, as text for people or as JSON for machines.

A line of text is ``time service level message``. A line of JSON is an object with ``time``, ``level``, ``service``,
``logger`` and ``message``, and ``exception`` if there is one; some lines have further fields. Times are ISO 8601 with
the offset of the local zone.
"""

import io
import logging
import logging.config
import sys
import threading
from datetime import datetime
from types import TracebackType
from typing import Any, TextIO

import msgspec

from har.process.repeated_lines import RepeatedLines
from har.process.settings import LogFormatSettings, LogSettings

#: Libraries that log too much below this level.
_VERBOSE = ("aiokafka", "faust", "kafka", "mode", "websockets", "aiohttp", "uvicorn", "stream_processor.transport")


class TextFormat(logging.Formatter):
    """Formats a record as ``time service level message``, and an exception on the lines below.

    Parameters
    ----------
    service : str
        Name of the process.
    """

    def __init__(self, service: str) -> None:
        super().__init__(f"%(asctime)s {service:<10} %(levelname)-7s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """Return the local time with its offset, such as ``2026-11-29T22:30:00.250+01:00``."""
        del datefmt
        return _local_time(record.created)


class JsonFormat(logging.Formatter):
    """Formats a record as one JSON object on one line.

    Parameters
    ----------
    service : str
        Name of the process.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the object; ``extra={"fields": {…}}`` of the log call adds further fields."""
        line: dict[str, object] = {
            "time": _local_time(record.created),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": _encodable(record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = _encodable(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = _encodable(self.formatStack(record.stack_info))
        return msgspec.json.encode(line).decode()


def logging_config(service: str, level: str = "info", form: str = "text") -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`.

    Parameters
    ----------
    service : str
        Name of the process.
    level : {'debug', 'info', 'warning', 'error'}
        The least severe level that is logged. Libraries log from one level higher on.
    form : {'text', 'json'}
        The form of a line.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    of_libraries = logging.INFO if least == logging.DEBUG else max(least, logging.WARNING)
    formatter = JsonFormat if form == "json" else TextFormat
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "service": service}},
        "filters": {"repeated": {"()": RepeatedLines, "libraries": _VERBOSE}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["repeated"],
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"level": least, "handlers": ["stderr"]},
        "loggers": {name: {"level": of_libraries} for name in _VERBOSE},
    }


def configure_logs(service: str, settings: LogFormatSettings) -> None:
    """Set up the log of this process.

    With JSON, warnings and exceptions that nobody handles become lines of the log, too: Python would print them in
    another form.
    """
    level = settings.log_level if isinstance(settings, LogSettings) else "info"
    logging.config.dictConfig(logging_config(service, level, settings.log_format))
    if settings.log_format == "json":
        logging.captureWarnings(True)
        sys.excepthook = _log_crash
        threading.excepthook = _log_thread_crash
        sys.unraisablehook = _log_unraisable


class JsonLines(io.TextIOBase):
    """A text file that turns each line written to it into a line of JSON, for reports that people usually read.

    A line that begins with ``har`` is the reason why the command failed; one that begins with ``warning`` is a warning.

    Parameters
    ----------
    file : text file
        Receives the lines; it is closed with this one.
    service : str
        Name of the process.
    """

    def __init__(self, file: TextIO, service: str) -> None:
        self._file = file
        self._service = service
        self._format = JsonFormat(service)
        self._rest = ""

    def write(self, text: str) -> int:
        """Write the lines that the text completes; empty ones are left out."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in filter(str.strip, lines):
            record = logging.LogRecord(self._service, _level_of(line), "", 0, "%s", (line.strip(),), None)
            self._file.write(f"{self._format.format(record)}\n")
        return len(text)

    def flush(self) -> None:
        """Flush the file."""
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        """Write the rest, and close the file."""
        if not self._file.closed:
            self.write("\n")
            self._file.close()
        super().close()


def writes_json() -> bool:
    """Return whether this process logs JSON."""
    return any(isinstance(handler.formatter, JsonFormat) for handler in logging.getLogger().handlers)


def _level_of(line: str) -> int:
    if line.startswith("har "):
        return logging.ERROR
    return logging.WARNING if line.startswith("warning: ") else logging.INFO


def _local_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds")


def _encodable(text: str) -> str:
    """Return a text without lone surrogates, which stand for bytes that are not UTF-8, such as in a file's name."""
    return text.encode(errors="backslashreplace").decode()


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger(__name__).critical("unexpected error: %s", error, exc_info=(kind, error, trace))


def _log_thread_crash(crash: threading.ExceptHookArgs) -> None:
    if crash.exc_value is not None:
        _log_crash(crash.exc_type, crash.exc_value, crash.exc_traceback)


def _log_unraisable(raised: "sys.UnraisableHookArgs") -> None:
    if raised.exc_value is not None:
        _log_crash(raised.exc_type, raised.exc_value, raised.exc_traceback)
