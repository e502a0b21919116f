"""The lines of the log, as text and as JSON; each in a process of its own, as the log belongs to the process."""

import json
import re
import subprocess
import sys

import pytest
from rich.console import Console

from har.process.log_format import JsonLines

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"
BEGIN = """
import logging, threading, warnings
from har.process.log_format import configure_logs
from ingest.gateway.settings import GatewaySettings
log = logging.getLogger("ingest.gateway.command")
configure_logs("gateway", GatewaySettings(log_format={form!r}, log_level={level!r}))
"""


def logged(program: str, *, form: str = "json", level: str = "info") -> list[str]:
    """Return the lines that a program writes to standard error."""
    text = BEGIN.format(form=form, level=level) + program
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True).stderr.splitlines()


def test_a_line_of_text_has_the_local_time_with_its_offset():
    (line,) = logged("log.warning('%s phones', 3)", form="text")
    assert re.fullmatch(rf"{TIME} gateway    WARNING 3 phones", line)


def test_a_warning_that_a_library_repeats_is_one_line():
    lines = logged("for _ in range(9):\n    logging.getLogger('aiokafka.cluster').error('not found')", form="text")
    assert len(lines) == 1


def test_a_line_of_json_has_the_fields_that_machines_need():
    (line,) = logged("log.info('two\\nlines of \\udcff', extra={'fields': {'port': 80}})")
    fields = json.loads(line)
    assert re.fullmatch(TIME, fields.pop("time"))
    assert fields == {
        "level": "INFO",
        "service": "gateway",
        "logger": "ingest.gateway.command",
        "message": "two\nlines of \\udcff",
        "port": 80,
    }


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('failed')", "failed"),
        ("1 / 0", "unexpected error: division by zero"),
        ("t = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()", "unexpected error: division by zero"),
        (
            "class Careless:\n    def __del__(self):\n        1 / 0\nCareless()",
            "unexpected error: division by zero",
        ),
        (
            "import asyncio\nasync def fail():\n    1 / 0\nasync def main():\n    task = asyncio.create_task(fail())\n"
            "    await asyncio.sleep(0)\n    del task\nasyncio.run(main())",
            "Task exception was never retrieved",
        ),
    ],
)
def test_an_exception_is_a_field_of_one_line(program, message):
    (line,) = logged(program)
    fields = json.loads(line)
    assert fields["message"].startswith(message)
    assert fields["exception"].startswith("Traceback")
    assert fields["exception"].endswith("ZeroDivisionError: division by zero")


def test_a_warning_is_a_line_of_json():
    (line,) = logged("warnings.warn('old')")
    assert "UserWarning: old" in json.loads(line)["message"]


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["ours DEBUG", "ours INFO", "ours WARNING", "ours ERROR", "library INFO", "library WARNING"]),
        ("info", ["ours INFO", "ours WARNING", "ours ERROR", "library WARNING"]),
        ("warning", ["ours WARNING", "ours ERROR", "library WARNING"]),
        ("error", ["ours ERROR"]),
    ],
)
def test_libraries_log_less(level, shown):
    program = """
for name in ("DEBUG", "INFO", "WARNING", "ERROR"):
    log.log(logging.getLevelNamesMapping()[name], "ours %s", name)
for name in ("DEBUG", "INFO", "WARNING"):
    logging.getLogger("aiokafka.consumer").log(logging.getLevelNamesMapping()[name], "library %s", name)
"""
    assert [json.loads(line)["message"] for line in logged(program, level=level)] == shown


def test_reports_for_people_become_lines_of_json(tmp_path):
    with JsonLines((tmp_path / "lines").open("w"), "train") as lines:
        console = Console(file=lines, soft_wrap=True)
        console.print("epoch 1", style="yellow")
        print("half of ", end="", file=lines)
        print("a line\n", file=lines)
        print("warning: few people", file=lines)
        print("har train: the disk is full", end="", file=lines)
    fields = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    assert [(each["level"], each["message"]) for each in fields] == [
        ("INFO", "epoch 1"),
        ("INFO", "half of a line"),
        ("WARNING", "warning: few people"),
        ("ERROR", "har train: the disk is full"),
    ]
    assert {each["service"] for each in fields} == {"train"}
