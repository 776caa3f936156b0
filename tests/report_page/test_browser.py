"""The HTML report in a real browser: what people see, on phones and desks, by day and by night."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from page_worlds import WORLDS

from archiver.archive.store import Archive
from archiver.cli.main import run as run_command
from archiver.config import load_config
from archiver.report.formats import as_json
from archiver.report.model import build_report
from archiver.report.page import build_page
from archiver.report.page_html import html_text
from archiver.warehouse.runs import kept_runs

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

PHONE, DESK = (390, 844), (1280, 900)
EVERY_VIEW = [(PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark")]
# What is folded away must be readable as well. A hundred rows, bars or sections are looked at like
# the first few of them: each costs axe milliseconds.
UNFOLD = """() => {
    document.querySelectorAll("details").forEach(each => each.open = true);
    for (const more of [
        "tbody tr:nth-child(n+4):not(.hot)", "tr.hot ~ tr.hot ~ tr.hot", ".words > :nth-child(n+7)",
        "svg :not(defs):not(pattern)", ".axis span:nth-child(n+4)",
        ".incident ~ .incident ~ .incident", ".destination ~ .destination ~ .destination"])
        document.querySelectorAll(more).forEach(each => each.remove());
}"""
TABLE = """table => [...table.querySelectorAll("tr")].map(
    row => [...row.querySelectorAll("th, td")].map(cell => cell.innerText.trim()))"""


class Shown:
    """A page as a file, and the JSON document of the same run."""

    def __init__(self, folder: Path, kept: Path) -> None:
        config = load_config(folder / "archiver.toml", {})
        self.path = folder / "page.html"
        page = build_page(config, Archive(config.archive_root), kept)
        self.path.write_text(html_text(page), encoding="utf-8")
        self.document: dict[str, Any] = as_json(build_report(kept))


class Worlds(dict[str, Shown]):
    """The page of the demo and of every odd world, each made when it is first looked at."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        super().__init__()
        self.factory = factory

    def __missing__(self, name: str) -> Shown:
        folder = self.factory.mktemp(name)
        if name == "demo":
            folder /= "demo"
            assert run_command(["demo", str(folder)]) == 0
            kept = kept_runs(folder / "data" / "warehouse")[-1]
        else:
            kept = WORLDS[name](folder)[0].write()
        self[name] = Shown(folder, kept)
        return self[name]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    """The pages of this module."""
    return Worlds(tmp_path_factory)


@contextmanager
def tab(
    browser: Browser, path: Path, size: tuple[int, int] = DESK, scheme: str = "light", **more: Any
) -> Iterator[Tab]:
    """The page in a tab; at its end: no console error, no request beyond the file itself."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        **more,
    )
    seen: list[str] = []
    found = context.new_page()
    found.on("console", lambda message: seen.append(f"console: {message.text}"))
    found.on("pageerror", lambda error: seen.append(f"error: {error}"))
    found.on("request", lambda request: seen.append(f"request: {request.url}"))
    found.goto(path.as_uri())
    yield found
    context.close()
    assert [line for line in seen if line != f"request: {path.as_uri()}"] == []


@pytest.mark.parametrize("world", ["demo", *WORLDS])
def test_page_fits_and_has_no_serious_violation(
    world: str, shown: Worlds, browser: Browser
) -> None:
    views = EVERY_VIEW if world == "demo" else [EVERY_VIEW[1], EVERY_VIEW[2]]
    for size, scheme in views:
        with tab(browser, shown[world].path, size, scheme) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
            page.evaluate(UNFOLD)
            page.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
            result = page.evaluate("axe.run({resultTypes: ['violations']})")
            found = [
                (violation["id"], [node["html"][:200] for node in violation["nodes"]][:3])
                for violation in result["violations"]
                if violation["impact"] in ("serious", "critical")
            ]
            assert found == [], (size, scheme)
            if scheme == "dark":
                background = page.evaluate("getComputedStyle(document.body).backgroundColor")
                assert background == "rgb(20, 23, 26)"


@pytest.mark.parametrize("world", ["demo", "many", "hostile", "one_day"])
def test_headline_figures_are_those_of_the_json(
    world: str, shown: Worlds, browser: Browser
) -> None:
    with tab(browser, shown[world].path) as page:
        sections = page.query_selector_all("section.destination")
        for section, part in zip(sections, shown[world].document["destinations"], strict=True):
            assert section.get_attribute("data-destination") == part["destination"]
            totals = part["totals"]
            for name in ("gap", "expected", "recoverable", "expired", "unknown", "pending"):
                figure = section.query_selector(f".figures [data-figure={name}] data") or (
                    section.query_selector(f".figures [data-figure={name}]")
                )
                if figure is None:
                    assert not totals[name] or (name == "expired" and not totals["gap"])
                else:
                    assert figure.inner_text() == f"{totals[name]:,}"
            lost = {c: v["gap"] for c, v in totals["value"].items() if float(v["gap"])}
            amounts = [
                data.get_attribute("value")
                for data in section.query_selector_all("[data-figure=value] data")
            ]
            assert amounts == [*lost.values()][:3]
            deadline = section.query_selector("[data-figure=backfill_deadline] time")
            if deadline is not None:
                assert deadline.get_attribute("datetime") == totals["backfill_deadline"]


@pytest.mark.parametrize("world", ["demo", "long", "hostile"])
def test_figures_of_the_tables_are_those_of_the_json(
    world: str, shown: Worlds, browser: Browser
) -> None:
    with tab(browser, shown[world].path) as page:
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        for number, part in enumerate(shown[world].document["destinations"], 1):
            days: dict[str, dict[str, int]] = {}
            events: dict[str, dict[str, int]] = {}
            for row in part["days"]:
                for sums, key in ((days, row["day"]), (events, row["event"])):
                    into = sums.setdefault(key, {})
                    for name in COLUMNS.values():
                        into[name] = into.get(name, 0) + row[name]
            assert counts(page, f"#d{number}-days") == [
                *days.values(),
                {name: part["totals"][name] for name in COLUMNS.values()},
            ]
            order = sorted(events, key=lambda event: (-events[event]["gap"], event))
            assert counts(page, f"#d{number}-events") == [events[event] for event in order]
            header, *rows = page.eval_on_selector(f"#d{number}-money", TABLE)
            money = {row[0]: row[header.index("Gap")].replace(",", "") for row in rows}
            assert money == {c: v["gap"] for c, v in part["totals"]["value"].items()}
            clock = page.query_selector(f"#d{number}-clock")
            assert clock is not None or part["recovery_clock"] == []
            if clock is not None:
                shown_clock = page.eval_on_selector(f"#d{number}-clock", TABLE)
                last = part["recovery_clock"][-1]["cumulative_conversions"]
                assert shown_clock[-1][4] == f"{last:,}"


COLUMNS = {
    "Expected": "expected",
    "Accepted": "accepted",
    "Pending": "pending",
    "Not known": "unknown",
    "Gap": "gap",
    "Missing": "missing",
    "Failed": "failed",
    "Rejected": "rejected",
    "Ambiguous": "ambiguous",
    "Conflict": "conflict",
}


def counts(page: Tab, selector: str) -> list[dict[str, int]]:
    """The rows of a table of counts; a column that it has not is zero in all of them."""
    header, *rows = page.eval_on_selector(selector, TABLE)
    return [
        {
            name: int(row[header.index(title)].replace(",", "")) if title in header else 0
            for title, name in COLUMNS.items()
        }
        for row in rows
    ]


def test_no_script_is_needed(shown: Worlds, browser: Browser) -> None:
    pictures = []
    for is_on in (True, False):
        with tab(browser, shown["demo"].path, java_script_enabled=is_on) as page:
            pictures.append(page.screenshot(full_page=True))
    assert pictures[0] == pictures[1]


def test_hostile_names_run_nothing(shown: Worlds, browser: Browser) -> None:
    with tab(browser, shown["hostile"].path) as page:
        page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
        assert page.query_selector_all("script, img, iframe, object") == []
        assert "<script>alert('pwned')</script>" in page.locator("main").inner_text()


def test_keyboard_reaches_every_wide_table(shown: Worlds, browser: Browser) -> None:
    with tab(browser, shown["demo"].path, PHONE) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        assert page.evaluate(
            "[...document.querySelectorAll('.scroll')].every("
            "e => e.tabIndex === 0 && e.getAttribute('aria-label'))"
        )
        levels = page.evaluate(
            "[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"
        )
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
