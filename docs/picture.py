"""Makes the README's pictures from the demo's workspace.

report.svg is the report on a terminal, report.png the page, for which Chromium is needed.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
from datetime import date
from pathlib import Path

from rich.console import Console

from archiver.archive.store import Archive
from archiver.config import load_config
from archiver.report.model import build_report
from archiver.report.page import build_page
from archiver.report.page_html import html_text
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


def photograph(demo: Path, path: Path) -> None:
    """The top of the HTML report, as wide as a laptop's window."""
    from playwright.sync_api import sync_playwright

    config = load_config(demo / "archiver.toml", {})
    run = kept_runs(config.warehouse_path)[-1]
    page_text = html_text(build_page(config, Archive(config.archive_root), run))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = chromium.new_page(viewport={"width": 1120, "height": 1430})
        page.set_content(page_text)
        page.screenshot(path=path)
        chromium.close()


if __name__ == "__main__":
    docs, demo = Path(__file__).parent, Path(sys.argv[1])
    (docs / "report.svg").write_text(draw(demo), encoding="utf-8")
    photograph(demo, docs / "report.png")
