"""The `har` command: one subcommand per service.

The options of a subcommand are the fields of its settings class (`SERVICE/settings.py`). A service is imported
only when its command runs, so each needs only its own extra. `har_stream` starts this module.
"""

import difflib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

from pydantic import ValidationError
from pydantic_settings import CliApp, CliSettingsSource, SettingsError

from dashboard.settings import DashboardSettings
from deploy.command_fields import argument_name, summary_of
from deploy.command_help import CommandHelp
from deploy.settings import AuditSettings, CompletionSettings, DemoSettings, KafkaServerSettings, TopicsSettings
from har.process import interrupts
from har.process.settings import ServiceSettings
from ingest.archive.settings import ArchiveSettings
from ingest.devices.settings import DevicesSettings
from ingest.gateway.settings import GatewaySettings
from ingest.senders.settings import ReplaySettings, SimulateSettings
from model_store.edge.settings import EdgeSettings
from model_store.settings import StoreSettings
from stream_processor.settings import ProcessorSettings
from trainer.settings import CrossValidateSettings, DataSettings, EvaluateSettings, PrepareSettings, TrainSettings

USAGE_ERROR = 2
#: The exit status that shells give a program that SIGINT ended.
INTERRUPTED = 130


@dataclass(frozen=True)
class ServiceCommand:
    """One subcommand.

    Attributes
    ----------
    settings : type of ServiceSettings
        The class whose fields are the options.
    entry : str
        ``module:function``, called with the settings; it returns the exit status.
    extra : str
        The extras of this distribution that the command needs, separated by commas.
    """

    settings: type[ServiceSettings]
    entry: str
    extra: str

    @property
    def summary(self) -> str:
        """The first line of the settings class: what the command does."""
        return summary_of(self.settings).removesuffix(".")


COMMANDS = {
    "demo": ServiceCommand(DemoSettings, "deploy.demo:run", "demo"),
    "gateway": ServiceCommand(GatewaySettings, "ingest.gateway.command:run", "gateway"),
    "devices": ServiceCommand(DevicesSettings, "ingest.devices.command:run", "gateway"),
    "simulate": ServiceCommand(SimulateSettings, "ingest.senders.simulate:run", "gateway"),
    "replay": ServiceCommand(ReplaySettings, "ingest.senders.replay:run", "gateway"),
    "processor": ServiceCommand(ProcessorSettings, "stream_processor.worker:run", "processor"),
    "store": ServiceCommand(StoreSettings, "model_store.command:run", "store"),
    "edge": ServiceCommand(EdgeSettings, "model_store.edge.command:run", "edge"),
    "dashboard": ServiceCommand(DashboardSettings, "dashboard.server:run", "dashboard"),
    "kafka": ServiceCommand(KafkaServerSettings, "deploy.kafka.serve:run", "gateway"),
    "topics": ServiceCommand(TopicsSettings, "deploy.topics:run", "gateway"),
    "audit": ServiceCommand(AuditSettings, "deploy.audit.command:run", "gateway,store"),
    "archive": ServiceCommand(ArchiveSettings, "ingest.archive.command:run", "archiver"),
    "data": ServiceCommand(DataSettings, "trainer.commands.data:run", "trainer"),
    "prepare": ServiceCommand(PrepareSettings, "trainer.commands.prepare:run", "trainer"),
    "train": ServiceCommand(TrainSettings, "trainer.commands.train:run", "trainer"),
    "evaluate": ServiceCommand(EvaluateSettings, "trainer.commands.evaluate:run", "store"),
    "cross-validate": ServiceCommand(CrossValidateSettings, "trainer.commands.cross_validate:run", "trainer"),
    "completion": ServiceCommand(CompletionSettings, "deploy.completion:run", ""),
}


def overview() -> str:
    """Return the text of `har --help`."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "har: real-time human-activity recognition on phones",
            "",
            "usage: har COMMAND [OPTIONS]      har help COMMAND      har --version",
            "",
            *lines,
            "",
            "phones -> gateway -> Kafka -> processor -> Kafka and Redis -> dashboard",
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["help"] and len(words) > 1:
        words = [*words[1:], "--help"]
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0 if words else USAGE_ERROR
    if words[0] in ("-V", "--version"):
        print(version("har-stream"))
        return 0
    command = COMMANDS.get(words[0])
    if command is None:
        print(_unknown_command(words[0]), file=sys.stderr)
        return USAGE_ERROR
    try:
        settings = read_settings(words[0], words[1:])
    except (ValidationError, SettingsError) as error:
        print(f"har {words[0]}: {_explain(command.settings, error)}", file=sys.stderr)
        return USAGE_ERROR
    return _call(words[0], command, settings)


def read_settings(name: str, words: list[str]) -> ServiceSettings:
    """Return the settings of a command, from its command line and the environment.

    Parameters
    ----------
    name : str
        The command, one of `COMMANDS`.
    words : list of str
        The command line that follows it.

    Raises
    ------
    pydantic.ValidationError, pydantic_settings.SettingsError
        If a value is missing or invalid.
    SystemExit
        If help was asked for, or the parser does not know an option.
    """
    settings = COMMANDS[name].settings
    source = CliSettingsSource[Any](settings, cli_prog_name=f"har {name}", formatter_class=CommandHelp)
    return CliApp.run(settings, cli_args=words, cli_settings_source=source)


def _unknown_command(word: str) -> str:
    similar = difflib.get_close_matches(word, COMMANDS, n=1)
    if similar:
        return f"har: unknown command {word!r}, did you mean {similar[0]!r}? `har --help` lists all commands."
    return f"har: unknown command {word!r}\n\n{overview()}"


def _explain(settings: type[ServiceSettings], error: ValidationError | SettingsError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    reasons = []
    for details in error.errors():
        reason = details["msg"].removeprefix("Value error, ")
        reasons.append(f"{argument_name(settings, details['loc'])}: {reason}".removeprefix(": "))
    return "; ".join(reasons)


def _call(name: str, command: ServiceCommand, settings: ServiceSettings) -> int:
    module_name, function_name = command.entry.split(":")
    try:
        with interrupts.ending_at_once():
            run: Callable[[ServiceSettings], int] = getattr(import_module(module_name), function_name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in ("har", *module_name.split(".")[:1]):
            raise
        print(
            f"har {name} needs {error.name}, which is not installed: "
            f"pip install 'har-stream[{command.extra}]', or `make setup` in a checkout",
            file=sys.stderr,
        )
        return USAGE_ERROR
    try:
        return run(settings)
    except KeyboardInterrupt:
        print(f"har {name}: interrupted", file=sys.stderr)
        return INTERRUPTED
