"""The text of `har COMMAND --help`, with value names that people know in place of Python's types.

`pydantic-settings` builds each command's parser from its settings class and shows Python's types (``Path``, ``float``),
both forms of a boolean option and ``(default: None)``. `CommandHelp` changes only what is shown; the parser accepts
the same options.
"""

import argparse
import copy
import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

from recording_files.settings import RecordingFileSettings

#: The name of a value by the last word of its option, where that is clearer than the type.
_NAMES_BY_OPTION = {
    "bootstrap": "HOST:PORT,…",
    "bytes": "BYTES",
    "days": "DAYS",
    "every": "DURATION",
    "hop": "SECONDS",
    "host": "ADDRESS",
    "hz": "HZ",
    "limit": "DURATION",
    "loop": "{NUMBER,forever}",
    "minutes": "MINUTES",
    "ms": "MILLISECONDS",
    "port": "PORT",
    "seconds": "SECONDS",
    "share": "SHARE",
    "url": "URL",
}
_NAMES_BY_TYPE = {
    "IPvAnyAddress": "ADDRESS",
    "Path": "PATH",
    "RedisUrl": "URL",
    "SecretStr": "SECRET",
    "float": "NUMBER",
    "int": "NUMBER",
}
#: Defaults that the help leaves out, since they give no information.
_EMPTY_DEFAULTS = ("(default: None)", "(default: False)", "(default: )", "(default: [])")
_ON_BY_DEFAULT = "(default: True)"
_LIST_DEFAULT = re.compile(r"\(default: \[(.+)]\)")


#: The meaning of each option that says how files are read.
_OF_FILES = {
    name.replace("_", "-"): info.description or "" for name, info in RecordingFileSettings.model_fields.items()
}


class CommandHelp(argparse.RawDescriptionHelpFormatter):
    """Format the help of a parser that `pydantic-settings` made."""

    def add_text(self, text: str | None) -> None:
        """Add a description, without the indentation that it has in its class."""
        super().add_text(inspect.cleandoc(text) if text and text is not argparse.SUPPRESS else text)

    def add_usage(
        self, usage: str | None, actions: Iterable[argparse.Action], groups: Iterable[Any], prefix: str | None = None
    ) -> None:
        """Add a usage line of the positional arguments alone: the options follow below it."""
        listed = list(actions)
        words = ["[OPTIONS]"] if any(action.option_strings for action in listed) else []
        words += [_positional(action) for action in listed if not action.option_strings]
        super().add_usage(usage or " ".join(["%(prog)s", *words]), listed, groups, prefix)

    def add_arguments(self, actions: Iterable[argparse.Action]) -> None:
        """Add a section: what many commands have follows what one command has."""
        super().add_arguments(sorted(actions, key=lambda action: shared_rank(action.option_strings, action.help or "")))

    def add_argument(self, action: argparse.Action) -> None:
        """Add an argument."""
        super().add_argument(_shown(action))


def add_option(container: argparse.ArgumentParser, *names: str, **parameters: Any) -> argparse.Action:  # noqa: ANN401 - as argparse
    """Add an argument to a parser. An option of one letter alone gets two dashes, as other options have: ``--x``."""
    is_alone = len(names) == 1 and len(names[0]) == 2 and names[0].startswith("-")
    return container.add_argument(*(f"-{name}" if is_alone else name for name in names), **parameters)


def value_name(option: str, type_name: str) -> str:
    """Return what the help calls an option's value.

    Parameters
    ----------
    option : str
        The option, without dashes.
    type_name : str
        What `pydantic-settings` calls its type; choices (``{a,b}``) stay as they are.

    Examples
    --------
    >>> value_name("tls-key", "Path"), value_name("stop-seconds", "float"), value_name("data", "list[Path]")
    ('PATH', 'SECONDS', 'PATH')
    >>> value_name("mode", "{local,sync}"), value_name("name", "str"), value_name("redis-url", "str")
    ('{local,sync}', 'TEXT', 'URL')
    """
    name = type_name.removeprefix("list[").removesuffix("]")
    if name.startswith("{int,"):  # a number, or a word for none
        name = "int"
    if name.startswith("{"):
        return name
    by_type = _NAMES_BY_TYPE.get(name, "TEXT")
    return _NAMES_BY_OPTION.get(option.rpartition("-")[2], by_type) if by_type in ("NUMBER", "TEXT") else by_type


def shared_rank(options: Sequence[str], text: str) -> int:
    """Return the place of an option in the help.

    Parameters
    ----------
    options : sequence of str
        Its forms, such as ``--no-quiet`` and ``--quiet``.
    text : str
        Its meaning. Another option may have the same name.

    Returns
    -------
    int
        0 for what one command has, then what says how its files are read, then the log and the connection to Kafka.
    """
    if any(option.startswith(("--log-", "--kafka-")) for option in options):
        return 2
    return int(any(text.startswith(meaning) for option in options if (meaning := _OF_FILES.get(option.lstrip("-")))))


def _positional(action: argparse.Action) -> str:
    name = "COMMAND" if isinstance(action, argparse._SubParsersAction) else str(action.metavar or action.dest)
    return f"[{name}]" if action.nargs == "?" else name


def _shown(action: argparse.Action) -> argparse.Action:
    """Return a copy of an action as the help shows it."""
    shown = copy.copy(action)
    text = action.help or ""
    if isinstance(action, argparse.BooleanOptionalAction):
        on, off = (
            [option for option in action.option_strings if option.startswith("--no-") == is_off]
            for is_off in (False, True)
        )
        is_on_by_default = _ON_BY_DEFAULT in text
        shown.option_strings = off if is_on_by_default else on
        text = f"do not {text.replace(_ON_BY_DEFAULT, '')}" if is_on_by_default else text
    elif action.option_strings and isinstance(action.metavar, str):
        shown.metavar = value_name(max(action.option_strings, key=len).lstrip("-"), action.metavar)
    for default in _EMPTY_DEFAULTS:
        text = text.replace(default, "")
    text = _LIST_DEFAULT.sub(lambda found: f"(default: {found[1].replace(chr(39), '')})", text)
    shown.help = text.strip() or None
    return shown
