"""Where a benchmark's figures go."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec


def machine() -> str:
    """Say what was measured on."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def write_figures(output: Path, name: str, figures: list[dict[str, Any]]) -> None:
    """Write a benchmark's figures with machine and date."""
    said = {"machine": machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "figures": figures}
    (output / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(said), indent=1) + b"\n")


def show_table(rows: list[dict[str, Any]]) -> None:
    """Print figures as a Markdown table."""
    names = list(rows[0])
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    for row in rows:
        print("| " + " | ".join(_shown(row[name]) for name in names) + " |")


def _shown(value: object) -> str:
    return (
        f"{value:.3f}"
        if isinstance(value, float) and abs(value) < 10
        else f"{value:,.0f}"
        if isinstance(value, float)
        else str(value)
    )
