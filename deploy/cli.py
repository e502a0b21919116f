"""The `har` command: a map of the system, one subcommand a service.

A subcommand's options are the fields of its settings object (`SERVICE/settings.py`); the
service itself is only imported when it is called, so each runs with its own extra installed.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version

from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from dashboard.settings import DashboardSettings
from deploy.settings import AuditSettings, DemoSettings, KafkaServerSettings, TopicsSettings
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
#: What a shell says of a program that SIGINT ended.
INTERRUPTED = 130


@dataclass(frozen=True)
class ServiceCommand:
    """One subcommand.

    Attributes
    ----------
    settings : type of ServiceSettings
        Its options.
    entry : str
        ``module:function``, called with the settings; its result is the exit status.
    extra : str
        The extra of this distribution that brings what it needs.
    """

    settings: type[ServiceSettings]
    entry: str
    extra: str

    @property
    def summary(self) -> str:
        """What it does, in a line."""
        text = (self.settings.__doc__ or "").strip().splitlines()[0]
        return text.split(": ", 1)[-1]


COMMANDS = {
    "demo": ServiceCommand(DemoSettings, "deploy.demo:run", "demo"),
    "gateway": ServiceCommand(GatewaySettings, "ingest.gateway.server:run", "gateway"),
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
}


def overview() -> str:
    """Return the text of `har --help`."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "har: real-time human-activity recognition on phones",
            "",
            "usage: har COMMAND [OPTIONS]      har COMMAND --help      har --version",
            "",
            *lines,
            "",
            "phones -> gateway -> Kafka -> processor -> Kafka and Redis -> dashboard",
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0 if words else USAGE_ERROR
    if words[0] == "--version":
        print(version("har-stream"))
        return 0
    command = COMMANDS.get(words[0])
    if command is None:
        print(f"har: no command {words[0]!r}\n\n{overview()}", file=sys.stderr)
        return USAGE_ERROR
    try:
        chosen = _read_settings(words[0], command, words[1:])
    except (ValidationError, SettingsError) as error:
        print(f"har {words[0]}: {_explain(error)}", file=sys.stderr)
        return USAGE_ERROR
    return _call(words[0], command, chosen)


def _read_settings(name: str, command: ServiceCommand, words: list[str]) -> ServiceSettings:
    sys.argv[0] = f"har {name}"  # what the generated usage line shows
    return CliApp.run(command.settings, cli_args=words)


def _explain(error: ValidationError | SettingsError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    reasons = []
    for fault in error.errors():
        at = fault["loc"]
        if len(at) > 1 and isinstance(at[1], str):
            at = at[1:]  # what is before is a subcommand
        field = "--" + ".".join(str(part) for part in at).replace("_", "-") if at else ""
        reasons.append(f"{field}: {fault['msg'].removeprefix('Value error, ')}".removeprefix(": "))
    return "; ".join(reasons)


def _call(name: str, command: ServiceCommand, chosen: ServiceSettings) -> int:
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
        return run(chosen)
    except KeyboardInterrupt:
        print(f"har {name}: interrupted", file=sys.stderr)
        return INTERRUPTED
