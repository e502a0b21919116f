"""The documents stay true to the code: paths, modules, options, metrics and links in them exist.

`tests/test_documented_commands.py` and `tests/test_documented_code.py` check that the commands and the code run.
"""

import ast
import os
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

import har_stream
from deploy.cli import COMMANDS, read_settings
from deploy.reference import metrics_page
from har.rejections import RejectionCode
from tests.documents import DOCUMENTS, FENCE, PLACEHOLDER, ROOT, code_lines, inline_codes, text_of

#: The changelog names what was renamed, so only its links are checked.
CHANGELOG = "CHANGELOG.md"
PACKAGES = (*har_stream.PACKAGES, "benchmarks", "tests")
FOLDERS = (*PACKAGES, "docs", "notebooks", "requirements")
#: Dotted names that are no modules: keys of Parquet metadata, and a WebSocket protocol.
NO_MODULES = {"har.provenance", "har.rate_hz", "har.v1"}
#: What starts as the names of metrics do: their prefix, and a module.
NO_METRICS = {"har_", "har_stream"}

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_COMMAND = re.compile(r"^(?:.*\| )?((?:[A-Z_]+=\S+ )*)(?:\.venv/bin/)?har ([a-z].*)$")
_METRIC = re.compile(r"\bhar_[a-z_]+")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_exist(document):
    pattern = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*")
    paths = {code for code in inline_codes(text_of(document)) if pattern.fullmatch(code)}
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_modules_and_their_names_exist(document):
    text = text_of(document)
    named = {match[1] for match in re.finditer(r"python -m ([\w.]+)", text) if match[1].split(".")[0] in PACKAGES}
    named |= {match[1] for match in re.finditer(r"from ((?:[\w.]+) import \w+)", text)}
    named |= {code.split("(")[0] for code in inline_codes(text) if re.match(r"[a-z_]+(\.\w+)+", code)}
    dotted = {name.replace(" import ", ".") for name in named} - NO_MODULES
    ours = {name for name in dotted if name.split(".")[0] in PACKAGES and re.fullmatch(r"[\w.]+", name)}
    assert [name for name in sorted(ours) if not is_defined(name)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_metrics_exist(document):
    assert {name for name in _METRIC.findall(text_of(document))} - NO_METRICS - metrics() == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_are_accepted(document, monkeypatch, capsys):
    text = text_of(document)
    faults = []
    for line, is_fragment in [(line, False) for line in code_lines(text)] + [(c, True) for c in inline_codes(text)]:
        if command := _COMMAND.match(line):
            with monkeypatch.context() as patch:
                fault = rejection(patch, capsys, *command.groups(), is_fragment=is_fragment)
            faults += [f"{line}: {fault}"] if fault else []
    assert faults == []


@pytest.mark.parametrize(
    "line",
    [
        "har gatewy",
        "har store publsh X",
        "har replay x.csv --sped 2",
        "har replay x.csv --speed fast",
        "har train --data x",
    ],
)
def test_a_wrong_command_is_found(line, monkeypatch, capsys):
    assert rejection(monkeypatch, capsys, *_COMMAND.match(line).groups(), is_fragment=False)


@pytest.mark.parametrize("document", [*DOCUMENTS, CHANGELOG])
def test_links_resolve(document):
    broken = []
    for link in _LINK.findall(FENCE.sub("", text_of(document))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = ROOT / document if not path else (ROOT / document).parent / path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_messages_explain_exactly_the_rejection_codes():
    table = re.search(r"^## Codes\n.*?\n\n(\|.*?)\n\n", text_of("docs/messages.md"), re.MULTILINE | re.DOTALL)[1]
    explained = [code for row in table.splitlines() for code in inline_codes(row.split("|")[1])]
    assert sorted(explained) == sorted(get_args(RejectionCode))


def rejection(patch, capsys, variables: str, words: str, *, is_fragment: bool) -> str | None:
    """Return why a command line is not accepted, or None; a placeholder may stand for required options."""
    for name in [name for name in os.environ if name.startswith("HAR_")]:
        patch.delenv(name)
    for name, _, value in (assigned.partition("=") for assigned in variables.split()):
        patch.setenv(name, value)
    name, *rest = without_placeholders(shlex.split(words))
    if name == "help":
        return None
    if name not in COMMANDS:
        return "no such command"
    try:
        read_settings(name, rest)
    except SystemExit:
        # A text may name a command or an option alone, without what must follow it.
        message = capsys.readouterr().err.rpartition("error: ")[2].strip()
        is_incomplete = "are required" in message or "expected one argument" in message
        return None if (is_fragment and is_incomplete) or not message else message
    except ValidationError as error:
        wrong = [details for details in error.errors() if details["type"] != "missing"]
        is_complete = not is_fragment and PLACEHOLDER not in words
        return str(error) if wrong or is_complete else None
    return None


def without_placeholders(words: list[str]) -> list[str]:
    """Leave out placeholders for further words, but not those for the value of an option."""
    return [
        word
        for before, word in zip(["", *words], words, strict=False)
        if word != PLACEHOLDER or before.startswith("--")
    ]


def anchors(file: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a document."""
    headings = _HEADING.findall(FENCE.sub("", file.read_text("utf-8")))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def metrics() -> set[str]:
    """The names of all metrics."""
    return set(re.findall(r"`(har_\w+)`", metrics_page()))


def is_defined(dotted: str) -> bool:
    """Whether a module exists, or a name in one."""
    if module_file(dotted):
        return True
    module, _, name = dotted.rpartition(".")
    file = module_file(module)
    return file is not None and name in set(names_in(file))


def module_file(dotted: str) -> Path | None:
    path = ROOT / dotted.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


def names_in(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
