"""The files of `[report]`, `report --format html|markdown`, and Markdown for chats."""

from __future__ import annotations

import json
import re
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from page_runs import AS_OF, PageRun, configure
from page_worlds import WORLDS

from archiver.archive.store import Archive
from archiver.cli.main import run as run_command
from archiver.config import load_config
from archiver.report import files
from archiver.report.files import write_reports
from archiver.report.markdown import escaped, markdown_text
from archiver.report.page import build_page

STEM = "2026-01-19T1200Z"


def a_run(folder: Path, more: str = "") -> tuple[Path, Path]:
    """The configuration's path, and the run's folder."""
    run = PageRun(folder)
    run.conversions(10, "accepted", AS_OF - timedelta(days=1))
    run.conversions(7, "failed", AS_OF - timedelta(days=1), code="40100", outcome="failed")
    return configure(folder, run.destinations, more).path, run.write()


def test_files_are_named_after_the_as_of_and_latest(tmp_path: Path) -> None:
    path, run = a_run(tmp_path, '[report]\nformats = ["html", "markdown", "json", "csv"]\n')
    config = load_config(path, {})
    folder = tmp_path / "data" / "reports"
    folder.mkdir(parents=True)
    (folder / "2026-01-18T1200Z.html").write_text("older")
    written = write_reports(config, Archive(config.archive_root), run)
    assert [p.name for p in written] == [
        f"{stem}.{suffix}" for suffix in ("html", "md", "json", "csv") for stem in (STEM, "latest")
    ]
    assert {p.name for p in folder.iterdir()} == {
        *(p.name for p in written),
        "2026-01-18T1200Z.html",
    }
    for kind in ("html", "md", "json", "csv"):
        named, latest = folder / f"{STEM}.{kind}", folder / f"latest.{kind}"
        assert named.read_bytes() == latest.read_bytes()
        assert stat.S_IMODE(named.stat().st_mode) == 0o644
    assert json.loads((folder / "latest.json").read_text())["destinations"][0]["totals"]["gap"] == 7


def test_the_command_writes_the_same_page(tmp_path: Path) -> None:
    path, run = a_run(tmp_path)
    config = load_config(path, {})
    write_reports(config, Archive(config.archive_root), run)
    for name, suffix in (("html", "html"), ("markdown", "md")):
        out = tmp_path / f"out.{suffix}"
        arguments = ["--config", str(path), "report", "--format", name, "--output", str(out)]
        assert run_command(arguments) == 0
        assert out.read_bytes() == (tmp_path / f"data/reports/latest.{suffix}").read_bytes()
    assert run_command(["--config", str(path), "report", "--format", "html", "--changes"]) == 2


def test_no_format_writes_nothing(tmp_path: Path) -> None:
    path, run = a_run(tmp_path, "[report]\nformats = []\n")
    config = load_config(path, {})
    assert write_reports(config, Archive(config.archive_root), run) == []
    assert not (tmp_path / "data" / "reports").exists()


def test_a_failure_leaves_the_latest_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, run = a_run(tmp_path, '[report]\nformats = ["html"]\n')
    config = load_config(path, {})
    latest = tmp_path / "data" / "reports" / "latest.html"
    latest.parent.mkdir(parents=True)
    latest.write_text("before")

    def full(page: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "html_text", full)
    with pytest.raises(OSError, match="No space"):
        write_reports(config, Archive(config.archive_root), run)
    assert latest.read_text() == "before"


@pytest.mark.parametrize("world", WORLDS)
def test_markdown_is_short_and_breaks_nothing(world: str, tmp_path: Path) -> None:
    run, config = WORLDS[world](tmp_path)
    page = build_page(config, Archive(config.archive_root), run.write())
    lines = markdown_text(page).splitlines()
    assert len(lines) <= 60
    for line in lines:
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 6
    for section in page.sections:
        assert any(section.verdict.mark in line for line in lines)


def test_markdown_of_the_gap(tmp_path: Path) -> None:
    path, run = a_run(tmp_path)
    config = load_config(path, {})
    text = markdown_text(build_page(config, Archive(config.archive_root), run))
    assert "🔴 **tiktok**: Gap · stale feed. 7 of 17 conversions did not arrive" in text
    assert "- 7 can still be sent, the first until 2026-01-25 12:00 UTC; 0 lost" in text
    assert "`archiver backfill --destination tiktok`" in text
    assert "| 2026-01-18 ~ | 17 | 10 | 7 | 87.50 USD |" in text


def test_markdown_names_the_first_deadline_of_hours_that_stand_together(tmp_path: Path) -> None:
    run = PageRun(tmp_path)
    for hours in range(40):
        run.conversions(1, "missing", AS_OF - timedelta(days=7) + timedelta(hours=hours))
    config = configure(tmp_path, run.destinations)
    text = markdown_text(build_page(config, Archive(config.archive_root), run.write()))
    assert "lost from 2026-01-19 12:00 UTC on: 12 conversions, worth 150.00 USD all in all" in text
    assert "lost from 2026-01-20 00:00 UTC on: 36 conversions, worth 450.00 USD all in all" in text


@pytest.mark.parametrize(
    "text, shown",
    [
        ("a|b", r"a\|b"),
        ("@here", "@\u200bhere"),
        ("<!channel>", r"\<\!channel\>"),
        ("<@U1>", "\\<@\u200bU1\\>"),
        (":tada:", ":\u200btada:"),
        ("*b* _i_ `c` [l](u)", r"\*b\* \_i\_ \`c\` \[l\]\(u\)"),
        ("two\nlines", "two lines"),
        ("http://evil.example", "http:\u200b//evil.example"),
        ("a\u202eb", r"a\\u202eb"),
        ("of the day: 7", "of the day: 7"),
    ],
)
def test_names_have_no_meaning_to_a_chat(text: str, shown: str) -> None:
    assert escaped(text) == shown
