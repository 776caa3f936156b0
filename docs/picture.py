"""Draws docs/report.svg, the README's picture, from the demo's workspace."""

from __future__ import annotations

import io
import re
import sys
from datetime import date
from pathlib import Path

from rich.console import Console

from archiver.report.model import build_report
from archiver.report.terminal import WIDTH, print_report
from archiver.warehouse.runs import kept_runs


def draw(demo: Path) -> str:
    """The report on the three days around the outage, as an SVG without outside fonts."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False
    )
    run = kept_runs(demo / "data" / "warehouse")[-1]
    console.print("[bold]$ archiver report --from 2026-01-14 --to 2026-01-16[/]")
    report = build_report(run, from_day=date(2026, 1, 14), to_day=date(2026, 1, 16))
    print_report(report, console)
    svg = console.export_svg(title="archiver report", unique_id="report")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    (Path(__file__).parent / "report.svg").write_text(draw(Path(sys.argv[1])), encoding="utf-8")
