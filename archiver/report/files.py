"""The report as files in the folder of `[report]`, which `nightly` writes for people.

A file is named after the as-of, `2026-01-19T1200Z.html`; `latest.html` is a copy of the one that
was written last. Each is put in its place in one step; older ones stay.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from archiver.archive.store import Archive
from archiver.config import Config
from archiver.files import write_durably
from archiver.report.formats import csv_text, json_text
from archiver.report.markdown import markdown_text
from archiver.report.model import Report, build_report
from archiver.report.page import Page, build_page
from archiver.report.page_html import html_text

SUFFIXES = {"html": "html", "markdown": "md", "json": "json", "csv": "csv"}


def write_reports(config: Config, archive: Archive, run_folder: Path) -> list[Path]:
    """Write a kept run in each of the formats of `[report]`.

    Args:
        config: `[report]`, annotations and destinations.
        archive: for feeds, quarantine and backfills.
        run_folder: the kept run's folder.

    Returns:
        What was written: per format the file named after the as-of, and `latest`. Empty where no
        format is configured.

    Raises:
        OSError: a file cannot be written. Formats before it are there, those after it are not.
    """
    formats = list(dict.fromkeys(config.report.formats))
    if not formats:
        return []
    folder = config.folder / config.report.folder
    folder.mkdir(parents=True, exist_ok=True)
    report = build_report(run_folder)
    page = None
    if {"html", "markdown"} & set(formats):
        page = build_page(config, archive, run_folder)
    written = []
    for name in formats:
        data = _text(name, report, page).encode("utf-8", "replace")
        for stem in (file_stem(report.run.as_of), "latest"):
            path = folder / f"{stem}.{SUFFIXES[name]}"
            write_durably(path, data)
            path.chmod(0o644)
            written.append(path)
    return written


def file_stem(as_of: datetime) -> str:
    """The name of a report without its ending: its as-of to the minute, UTC."""
    return f"{as_of.astimezone(UTC):%Y-%m-%dT%H%MZ}"


def _text(name: str, report: Report, page: Page | None) -> str:
    of_report: dict[str, Callable[[Report], str]] = {"json": json_text, "csv": csv_text}
    of_page: dict[str, Callable[[Page], str]] = {"html": html_text, "markdown": markdown_text}
    if name in of_report:
        return of_report[name](report)
    assert page is not None
    return of_page[name](page)
