"""The `har` command: one subcommand per service.

The options of a subcommand are the fields of its settings class (`SERVICE/settings.py`). A service is imported
only when its command runs, so each needs only its own extra. `har_stream` starts this module.
"""

import difflib
import logging.config
import os
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from io import StringIO
from itertools import pairwise

from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from classify.export.settings import ReleaseSettings
from classify.settings import ClassifySettings
from dashboard.settings import DashboardSettings
from deploy.command_fields import argument_name, fields_with_options, is_subcommand, summary_of
from deploy.command_words import CommandWords
from deploy.settings import AuditSettings, CompletionSettings, DemoSettings, KafkaServerSettings, TopicsSettings
from har.process import interrupts
from har.process.ending import INTERRUPTED, NOT_TRIED, REACHED, report_failure
from har.process.log_format import logging_config
from har.process.settings import ServiceSettings
from ingest.archive.settings import ArchiveSettings
from ingest.devices.settings import DevicesSettings
from ingest.gateway.settings import GatewaySettings
from ingest.senders.replay_settings import ReplaySettings
from ingest.senders.settings import SimulateSettings
from model_store.edge.settings import EdgeSettings
from model_store.settings import StoreSettings
from stream_processor.settings import ProcessorSettings
from trainer.data_settings import DataSettings
from trainer.personal_settings import PersonaliseSettings
from trainer.settings import CrossValidateSettings, EvaluateSettings, PrepareSettings, TrainSettings


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
    "devices": ServiceCommand(DevicesSettings, "deploy.forgetting:run", "gateway"),
    "simulate": ServiceCommand(SimulateSettings, "ingest.senders.simulate:run", "gateway"),
    "replay": ServiceCommand(ReplaySettings, "ingest.senders.replay:run", "gateway"),
    "processor": ServiceCommand(ProcessorSettings, "stream_processor.worker:run", "processor"),
    "store": ServiceCommand(StoreSettings, "model_store.command:run", "store"),
    "release": ServiceCommand(ReleaseSettings, "classify.export.command:run", "classify"),
    "edge": ServiceCommand(EdgeSettings, "model_store.edge.command:run", "edge"),
    "dashboard": ServiceCommand(DashboardSettings, "dashboard.server:run", "dashboard"),
    "kafka": ServiceCommand(KafkaServerSettings, "deploy.kafka.serve:run", "gateway"),
    "topics": ServiceCommand(TopicsSettings, "deploy.topics:run", "gateway"),
    "audit": ServiceCommand(AuditSettings, "deploy.audit.command:run", "gateway,store"),
    "classify": ServiceCommand(ClassifySettings, "classify.command:run", "classify"),
    "archive": ServiceCommand(ArchiveSettings, "ingest.archive.command:run", "archiver"),
    "data": ServiceCommand(DataSettings, "trainer.commands.data:run", "trainer"),
    "prepare": ServiceCommand(PrepareSettings, "trainer.commands.prepare:run", "trainer"),
    "train": ServiceCommand(TrainSettings, "trainer.commands.train:run", "trainer"),
    "evaluate": ServiceCommand(EvaluateSettings, "trainer.commands.evaluate:run", "store"),
    "personalise": ServiceCommand(PersonaliseSettings, "trainer.commands.personalise:run", "store"),
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
            "",
            "exit status: 0 done, 1 not done or only in part, 2 not tried, 130 interrupted (docs/commands.md)",
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["help"] and len(words) > 1:
        words = [*words[1:], "--help"]
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return REACHED if words else NOT_TRIED
    if words[0] in ("-V", "--version"):
        print(version("har-stream"))
        return REACHED
    command = COMMANDS.get(words[0])
    if command is None:
        print(_unknown_command(words[0]), file=sys.stderr)
        return NOT_TRIED
    wants_json = _wants_json(command.settings, words)
    if wants_json:
        logging.config.dictConfig(logging_config(words[0], form="json"))
    try:
        settings = _read_settings_for_json(*words) if wants_json else read_settings(words[0], words[1:])
    except (ValidationError, SettingsError) as error:
        report_failure(f"har {words[0]}", _explain(command.settings, error))
        return NOT_TRIED
    if missing := _missing_subcommand(settings):
        report_failure(f"har {words[0]}", f"a subcommand is missing: {missing}; see har {words[0]} --help")
        return NOT_TRIED
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
    return CliApp.run(settings, cli_args=words, cli_settings_source=CommandWords(settings, f"har {name}"))


def _wants_json(settings: type[ServiceSettings], words: list[str]) -> bool:
    """Return whether a command is to log JSON, before it is known whether its settings are valid."""
    given = [*words, *(f"--log-format={word}" for option, word in pairwise(words) if option == "--log-format")]
    variable = f"{settings.model_config.get('env_prefix', '')}LOG_FORMAT"
    return "--log-format=json" in given or os.environ.get(variable) == "json"


def _read_settings_for_json(name: str, *words: str) -> ServiceSettings:
    """Do the same as `read_settings`; what the parser writes to standard error becomes an error's text."""
    text = StringIO()
    try:
        with redirect_stderr(text):
            return read_settings(name, list(words))
    except SystemExit as ended:
        if ended.code:
            raise SettingsError(text.getvalue().strip().rpartition("error: ")[2]) from ended
        raise


def _missing_subcommand(settings: ServiceSettings) -> str:
    """Return the subcommands to choose from if none is chosen; nothing if one is, or if the command has none."""
    names = [name for name, info in type(settings).model_fields.items() if is_subcommand(info)]
    if any(getattr(settings, name) is not None for name in names):
        return ""
    return ", ".join(name.replace("_", "-") for name in names)


def _unknown_command(word: str) -> str:
    similar = difflib.get_close_matches(word, COMMANDS, n=1)
    if similar:
        return f"har: unknown command {word!r}, did you mean {similar[0]!r}? `har --help` lists all commands."
    return f"har: unknown command {word!r}\n\n{overview()}"


def _explain(settings: type[ServiceSettings], error: ValidationError | SettingsError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    reasons: dict[str, list[str]] = {}
    names = fields_with_options(settings)
    for details in error.errors():
        reason = details["msg"].removeprefix("Value error, ")
        reason = re.sub(r"[a-z]+(?:_[a-z]+)+", lambda word: names.get(word.group(), word.group()), reason)
        reasons.setdefault(argument_name(settings, details["loc"]), []).append(reason)
    return "; ".join(f"{name}: {', or '.join(texts)}".removeprefix(": ") for name, texts in reasons.items())


def _call(name: str, command: ServiceCommand, settings: ServiceSettings) -> int:
    module_name, function_name = command.entry.split(":")
    try:
        with interrupts.ending_at_once():
            run: Callable[[ServiceSettings], int] = getattr(import_module(module_name), function_name)
        return run(settings)
    except ModuleNotFoundError as error:  # some commands import libraries only when they need them
        if error.name is None or error.name.split(".")[0] in ("har", *module_name.split(".")[:1]):
            raise
        report_failure(
            f"har {name}",
            f"{error.name} is not installed: pip install 'har-stream[{command.extra}]', or `make setup` in a checkout",
        )
        return NOT_TRIED
    except KeyboardInterrupt:
        report_failure(f"har {name}", "interrupted")
        return INTERRUPTED
