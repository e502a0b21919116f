"""Read a command's words: each word of a list is one value, whatever signs are in it."""

import json
from argparse import PARSER, ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, CliSettingsSource

from deploy.command_help import CommandHelp, add_option


class CommandWords(CliSettingsSource[Any]):
    """The command line of a settings class.

    `pydantic-settings` splits each value of a list at its commas, and reads brackets and quotes as JSON. Names of files
    may have all of these. An option is given once for each value, so there is nothing to split.

    Parameters
    ----------
    settings : type of BaseSettings
        The settings class.
    program : str
        The command, such as ``har gateway``.
    """

    def __init__(self, settings: type[BaseSettings], program: str) -> None:
        super().__init__(
            settings,
            cli_prog_name=program,
            formatter_class=CommandHelp,
            add_argument_method=add_option,
            parse_args_method=_parsed,
        )

    def _merge_parsed_list(self, parsed_list: list[str], field_name: str) -> str:
        kind, _ = self._get_merge_parsed_list_types(parsed_list, field_name)
        return json.dumps(parsed_list) if kind is list else super()._merge_parsed_list(parsed_list, field_name)


def _parsed(parser: ArgumentParser, words: list[str]) -> Namespace:
    """Parse words whose positional ones may stand on both sides of an option, unless there are subcommands.

    What follows ``--`` is no option, which `parse_intermixed_args` forgets when it reads the positional words.
    """
    _require_options(parser, words)
    has_subcommands = any(action.nargs == PARSER for action in parser._get_positional_actions())
    return parser.parse_args(words) if has_subcommands or "--" in words else parser.parse_intermixed_args(words)


def _require_options(parser: ArgumentParser, words: list[str]) -> None:
    """End the command if a file's name is taken for an option, as argparse would only miss the file."""
    before = words[: words.index("--")] if "--" in words else words
    for word in before:
        if len(word) > 1 and word[0] == "-" and word not in parser._option_string_actions and Path(word).exists():
            parser.error(f"the name of the file {word} begins as an option does: write ./{word}")
