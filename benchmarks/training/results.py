"""Output of a benchmark's figures."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec


def machine() -> str:
    """Describe the machine that runs the benchmark."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def write_figures(output: Path, name: str, figures: list[dict[str, Any]]) -> None:
    """Write a benchmark's figures with machine and date to ``<name>.json``."""
    document = {"machine": machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "figures": figures}
    (output / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")


def show_table(rows: list[dict[str, Any]]) -> None:
    """Print figures as a Markdown table."""
    names = list(rows[0])
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    for row in rows:
        print("| " + " | ".join(_format(row[name]) for name in names) + " |")


def _format(value: object) -> str:
    return (
        f"{value:.3f}"
        if isinstance(value, float) and abs(value) < 10
        else f"{value:,.0f}"
        if isinstance(value, float)
        else str(value)
    )
