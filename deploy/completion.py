"""`har completion`: print the script with which a shell completes `har`'s commands and options.

The script is static: a shell that loads it starts no Python when somebody presses Tab.
"""

import argparse
import re
from typing import Any

import shtab
from pydantic_settings import CliSettingsSource

from deploy.cli import COMMANDS
from deploy.command_help import add_option
from deploy.settings import CompletionSettings

#: How `pydantic-settings` names a value that is one of several words.
_CHOICES = re.compile(r"{(.+)}")


def completion_script(shell: str) -> str:
    """Return the completion script of all commands.

    Parameters
    ----------
    shell : {'bash', 'zsh', 'tcsh'}
        The shell that will load the script.
    """
    parser = argparse.ArgumentParser("har")
    parsers = parser.add_subparsers()
    for name, command in COMMANDS.items():
        command_parser = parsers.add_parser(name, help=command.summary)
        CliSettingsSource[Any](command.settings, root_parser=command_parser, add_argument_method=add_option)
        _complete_values(command_parser)
    return shtab.complete(parser, shell)


def run(settings: CompletionSettings) -> int:
    """Print the script for the shell of the settings."""
    print(completion_script(settings.shell))
    return 0


def _complete_values(parser: argparse.ArgumentParser) -> None:
    """Complete the value of each option, in subcommands too: the name of a file, or one of its choices."""
    for action in parser._actions:
        values = str(action.metavar)
        if isinstance(action, argparse._SubParsersAction):
            for subcommand in action.choices.values():
                _complete_values(subcommand)
        elif "Path" in values:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif found := _CHOICES.search(values):
            action.choices = found[1].split(",")
