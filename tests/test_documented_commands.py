"""Every command in the documents runs in a test, or has a reason why none runs it."""

import __future__

import argparse
import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

from tests.documented_commands import NOT_RUN, RUN_BY, command_lines, commands_of, documented_commands
from tests.documents import DOCUMENTS, FENCE, PLACEHOLDER, ROOT, shell_lines, text_of

LINES = sorted({line for document in DOCUMENTS for line in command_lines(text_of(document))})
MAKE_LINES = sorted(line for line in LINES if line.startswith("make "))
PROGRAM_LINES = [
    (match[1], match[2]) for line in LINES if (match := re.search(r"python -m ((?:benchmarks|trainer)\.\S+)(.*)", line))
]
#: Languages of code blocks that hold no commands.
OTHER_LANGUAGES = {"json", "mermaid", "python", "text"}


def test_every_command_has_a_test_or_a_reason():
    known = {*RUN_BY, *NOT_RUN}
    assert {command: files for command, files in documented_commands().items() if command not in known} == {}


@pytest.mark.parametrize("line", ["har store publsh X", "har gatewy", "make tst", "npm rm", "python -m benchmarks.fl"])
def test_a_command_without_an_entry_is_found(line):
    assert set(commands_of(line)) - {*RUN_BY, *NOT_RUN} != set()
    assert list(command_lines(f"Run `{line}`, or\n\n```sh\n{line}  # now\n```\n")) == [line, line]


def test_every_entry_is_a_command_of_a_document():
    assert {*RUN_BY, *NOT_RUN} - set(documented_commands()) == set()
    assert set(RUN_BY) & set(NOT_RUN) == set()


@pytest.mark.parametrize("command", RUN_BY)
def test_the_tests_that_run_a_command_exist(command):
    for place in RUN_BY[command]:
        file, _, function = place.partition("::")
        source = (ROOT / file).read_text("utf-8")
        assert re.search(rf"^(?:async )?def {function}\(", source, re.MULTILINE) if function else command in source


def test_reasons_are_sentences_whose_tests_exist():
    for reason in NOT_RUN.values():
        assert re.fullmatch(r"[A-Z`].*\.", reason), reason
        assert [file for file in re.findall(r"tests/\S+\.py", reason) if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_code_block_names_its_language(document):
    # A command in another block would be found by no test.
    assert {language for language, _ in FENCE.findall(text_of(document))} <= {"sh", *OTHER_LANGUAGES}


@pytest.mark.parametrize("line", MAKE_LINES)
def test_make_knows_what_it_would_do(line):
    assert make(*shlex.split(line)[1:], "--dry-run")


def test_make_help_lists_the_documented_targets():
    listed = set(re.findall(r"^ +make ([a-z-]+) +\S", make("help"), re.MULTILINE))
    assert {line.split()[1] for line in MAKE_LINES} <= listed | {"help"}


@pytest.mark.parametrize(("module", "words"), PROGRAM_LINES)
def test_programs_accept_their_documented_options(module, words):
    parser = parser_of(module)
    arguments = shlex.split(words.replace(PLACEHOLDER, "recordings.parquet"))
    if parser is None:
        assert arguments == []
    else:
        parser.parse_args(arguments)


def test_an_option_that_a_program_does_not_know_is_found():
    with pytest.raises(SystemExit):
        parser_of("benchmarks.canaries").parse_args(["--data", "hapt.parquet", "--phoness", "60"])


def test_the_messages_have_the_documented_sizes(monkeypatch, capsys):
    from benchmarks import message_codec

    monkeypatch.setattr(message_codec, "ROUNDS", 1)
    message_codec.main()
    sizes = re.findall(r"^(?:MessagePack|JSON \(msgspec\)) +(\d+)", capsys.readouterr().out, re.MULTILINE)
    documented = re.search(r"MessagePack / JSON \| ([\d,]+) / ([\d,]+) bytes", text_of("docs/measured.md"))
    assert [f"{int(size):,}" for size in sizes] == list(documented.groups())


def test_spark_is_where_the_documents_look_for_it():
    [line] = [line for line, _ in shell_lines(text_of("docs/training.md")) if line.startswith("export SPARK_HOME=")]
    program = re.search(r"\.venv/bin/python -c '(.+)'\)$", line)[1]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == Path(pyspark.__file__).parent
    assert (Path(done.stdout.strip()) / "bin" / "spark-class").exists()


def test_pytest_is_called_for_files_that_exist():
    for line in LINES:
        if {"pytest", "python -m pytest"} & set(commands_of(line)):
            files = re.findall(r"\s([\w./]+/[\w./]+)", line.partition("pytest")[2])
            assert [file for file in files if not (ROOT / file).exists()] == []


def make(*words: str) -> str:
    """Run make, without the options of the make that runs the tests; return its output."""
    outside = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(["make", *words], cwd=ROOT, env=outside, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def parser_of(module: str) -> argparse.ArgumentParser | None:
    """Return the parser of a program's options without its imports, since TensorFlow takes seconds; None for none."""
    path = ROOT / module.replace(".", "/")
    source = ((path / "__main__.py") if path.is_dir() else path.with_suffix(".py")).read_text("utf-8")
    tree = ast.parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "argument_parser"]
    if not functions:
        assert "argparse" not in source
        return None
    known = {"argparse": argparse, "Path": Path, "__doc__": ast.get_docstring(tree)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            known |= {target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)}
    code = compile(ast.Module(functions, []), str(path), "exec", flags=__future__.annotations.compiler_flag)
    exec(code, known)
    return known["argument_parser"]()
