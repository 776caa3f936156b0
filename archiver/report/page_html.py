"""The page as one HTML file: it needs no network, no script, and no other file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from archiver.report.model import FINDINGS, GAP_PARTS
from archiver.report.page_charts import STATUSES, label_of
from archiver.report.page_model import Page
from archiver.report.page_words import DEFINITIONS, DIAGNOSES, OUTCOMES, REASONS
from archiver.report.terminal_incidents import FINDING_WORDS
from archiver.report.terminal_words import percent
from archiver.report.totals import sum_of_days
from archiver.texts import amount_text, instant_text, plain

MOST_CHANGES = 40
LONG_TABLE = 62


def html_text(page: Page) -> str:
    """The page as HTML, the same bytes for the same page."""
    text = _template().render(page=page)
    return "\n".join(line.strip() for line in text.split("\n") if line.strip()) + "\n"


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("archiver.report", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "n": _count,
        "g": lambda number: f"{number:g}",
        "amount": _amount,
        "exact": amount_text,
        "worth": _worth,
        "iso": instant_text,
        "utc": lambda instant: _local(instant, "UTC"),
        "utc_beside": _utc_beside,
        "local": _local,
        "day": _day,
        "outside": _outside,
        "ratio": percent,
        "share": _share,
        "capital": lambda text: text[:1].upper() + text[1:],
    }
    environment.globals |= {
        "statuses": (*STATUSES, "recoverable"),
        "gap_parts": GAP_PARTS,
        "label_of": label_of,
        "findings": FINDINGS,
        "finding_words": FINDING_WORDS,
        "definitions": DEFINITIONS,
        "diagnoses": DIAGNOSES,
        "outcomes": OUTCOMES,
        "reasons": REASONS,
        "sum_of_days": sum_of_days,
        "most_changes": MOST_CHANGES,
        "long_table": LONG_TABLE,
    }
    return environment.get_template("page.html.j2")


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _amount(amount: Decimal) -> str:
    """An exact amount with thousands separators."""
    whole, _, decimals = amount_text(amount).partition(".")
    return f"{int(whole):,}.{decimals}" if whole not in ("-0",) else f"-0.{decimals}"


def _worth(values: Mapping[str, Decimal]) -> list[tuple[str, Decimal]]:
    """The currencies of which there is anything."""
    return [(currency, amount) for currency, amount in values.items() if amount]


def _local(instant: datetime, zone: str) -> str:
    """To the minute that has begun, in a zone."""
    local = instant.astimezone(UTC if zone == "UTC" else ZoneInfo(zone))
    return f"{local:%Y-%m-%d %H:%M} {zone}"


def _utc_beside(instant: datetime, zone: str) -> str:
    """The same instant in UTC, without the date where that is the same."""
    local, utc = _local(instant, zone), _local(instant, "UTC")
    return utc[11:] if utc[:10] == local[:10] else utc


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _outside(text: str | None) -> str:
    """Text from outside on one line: what shows as nothing or turns the direction is spelt out."""
    return plain(" ".join((text or "").split()))


def _share(part: int, whole: int) -> str:
    """A share in words; empty where there is no whole."""
    return percent(Decimal(part) / whole) if whole else ""
