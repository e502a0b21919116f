"""Write the reference pages of the documentation from the code: `docs/settings.md` and `docs/metrics.md`.

``make docs`` runs this; a test checks that the pages are current.
"""

import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from deploy.cli import COMMANDS
from deploy.command_fields import is_positional, is_subcommand, subcommand, summary_of, value_type
from deploy.command_help import shared_rank, value_name
from har.process.settings import ServiceSettings
from ingest.archive.metrics import ArchiveMetrics
from ingest.gateway.metrics import GatewayMetrics
from stream_processor.metrics import ProcessorMetrics

DOCS = Path(__file__).parents[1] / "docs"
_GENERATED = "<!-- `make docs` writes this page from the code. -->"
_METRICS: dict[str, type[GatewayMetrics | ProcessorMetrics | ArchiveMetrics]] = {
    "gateway": GatewayMetrics,
    "processor": ProcessorMetrics,
    "archive run": ArchiveMetrics,
}
_SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}


def settings_page() -> str:
    """Return the page that lists every setting of every command."""
    lines = [
        "# Settings",
        "",
        _GENERATED,
        "",
        "Each setting is an option of its command and an environment variable; the option wins.",
        "A boolean `--option` has the opposite form `--no-option`. A list option is given once for each value.",
        "With `source <(har completion bash)` in `~/.bashrc`, the Tab key completes commands, options and values.",
    ]
    for words, settings in all_commands():
        lines += ["", f"## har {words}", "", _capitalised(summary_of(settings)), ""]
        lines += ["| option | environment variable | value | default | meaning |", "|---|---|---|---|---|"]
        lines += [_setting_row(settings, field, info) for field, info in _settings_of(settings)]
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """Return the page that lists every Prometheus metric."""
    served = "The gateway, the processor and the archiver serve metrics on `/metrics`, each on its own port."
    lines = ["# Metrics", "", _GENERATED, "", served]
    for command, kind in _METRICS.items():
        lines += ["", f"## har {command}", "", "| metric | kind | labels | meaning |", "|---|---|---|---|"]
        lines += list(_metric_rows(kind().registry))
    return "\n".join(lines) + "\n"


def all_commands() -> Iterator[tuple[str, type[ServiceSettings]]]:
    """Yield each command with its settings class; of a command that has subcommands, those instead."""
    for name, command in COMMANDS.items():
        yield from _with_subcommands(name, command.settings)


def pages() -> dict[Path, str]:
    """Return every generated page by its path."""
    return {DOCS / "settings.md": settings_page(), DOCS / "metrics.md": metrics_page()}


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, "utf-8")


def _with_subcommands(words: str, settings: type[ServiceSettings]) -> Iterator[tuple[str, type[ServiceSettings]]]:
    found = [(name, subcommand(info)) for name, info in settings.model_fields.items() if is_subcommand(info)]
    if not found:
        yield words, settings
    for name, inner in found:
        yield from _with_subcommands(f"{words} {name.replace('_', '-')}", inner)


def _settings_of(settings: type[ServiceSettings]) -> list[tuple[str, FieldInfo]]:
    fields = [(name, info) for name, info in settings.model_fields.items() if not is_subcommand(info)]
    return sorted(
        fields, key=lambda field: shared_rank([f"--{field[0].replace('_', '-')}"], field[1].description or "")
    )


def _setting_row(settings: type[ServiceSettings], field: str, info: FieldInfo) -> str:
    name = (info.alias or field).replace("_", "-")
    option = name.upper() if is_positional(info) else f"`--{name}`"
    variable = f"`{settings.model_config.get('env_prefix', '')}{info.alias or field}`".upper()
    cells = (option, variable, _value(name, info), _default(info), info.description or "")
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _value(name: str, info: FieldInfo) -> str:
    kind = value_type(info.annotation)
    if kind is bool:
        return "yes or no"
    limits = [
        f"{sign} {limit:g}"
        for item in info.metadata
        for attribute, sign in _SIGNS.items()
        if (limit := getattr(item, attribute, None)) is not None
    ]
    return ", ".join([value_name(name, _type_name(kind)), *limits])


def _type_name(kind: object) -> str:
    if typing.get_origin(kind) is Literal:
        return "{" + ", ".join(map(str, typing.get_args(kind))) + "}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "{" + ", ".join(str(member.value) for member in kind) + "}"
    return getattr(kind, "__name__", str(kind))


def _default(info: FieldInfo) -> str:
    value = info.default_factory() if info.default_factory else info.default  # type: ignore[call-arg]
    if value is PydanticUndefined:
        return "required"
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, SecretStr):
        return "a secret"
    return ", ".join(map(str, value)) if isinstance(value, list) else f"`{value}`"


def _metric_rows(registry: CollectorRegistry) -> Iterator[str]:
    for collector in sorted(registry._collector_to_names, key=lambda found: str(getattr(found, "_name", ""))):
        kind = getattr(collector, "_type", "")
        name = getattr(collector, "_name", "") + ("_total" if kind == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in getattr(collector, "_labelnames", ()))
        yield f"| `{name}` | {kind} | {labels} | {getattr(collector, '_documentation', '')} |"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


if __name__ == "__main__":
    main()
