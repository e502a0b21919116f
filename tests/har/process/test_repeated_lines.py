"""Libraries that log the same warning many times a second."""

import logging

from har.process.repeated_lines import QUIET_SECONDS, RepeatedLines


def make_line(name: str, text: str, *arguments: object, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord(name, level, "", 0, text, arguments, None)


def test_a_library_writes_the_same_warning_once_in_a_while_and_then_how_often_it_came() -> None:
    now = 0.0
    lines = RepeatedLines(["aiokafka", "kafka"], clock=lambda: now)
    name = "aiokafka.cluster"
    assert lines.filter(make_line(name, "topic %s not found", "a"))
    assert not lines.filter(make_line(name, "topic %s not found", "a"))
    assert not lines.filter(make_line(name, "topic %s not found", "a"))
    assert lines.filter(make_line(name, "topic %s not found", "b"))
    now = QUIET_SECONDS
    assert lines.filter(line := make_line(name, "topic %s not found", "a"))
    assert line.getMessage() == "topic a not found (and 2 times before)"
    now = 2 * QUIET_SECONDS
    assert lines.filter(line := make_line(name, "topic %s not found", "a"))
    assert line.getMessage() == "topic a not found"


def test_lines_of_the_services_and_details_of_libraries_are_all_written() -> None:
    lines = RepeatedLines(["aiokafka"], clock=lambda: 0.0)
    for _ in range(3):
        assert lines.filter(make_line("stream_processor.worker", "rejected"))
        assert lines.filter(make_line("aiokafka.cluster", "asking", level=logging.INFO))
