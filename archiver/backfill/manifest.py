"""What stands beside the batches: which events, why each is safe, what is left out, the sums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from archiver import __version__, resources
from archiver.backfill.batches import PRIVATE_MODE, Built
from archiver.backfill.plan import LEFT_OUT, Plan, Tally, tallies
from archiver.backfill.route import has_verdicts
from archiver.destinations.requests import Header
from archiver.files import fsync_file, write_durably
from archiver.reconcile.binding import dedup_window
from archiver.texts import amount_text, instant_text
from archiver.warehouse.database import bind_files, connect, used

LISTS = {
    "events.csv": "listed_events",
    "expired.csv": "listed_expired",
    "left_out.csv": "listed_left_out",
}
"""File name → the query in `sql/backfill/` that yields its rows."""

# As `archiver.texts` writes them. A fraction of a second is there only where there is one.
_MACROS = r"""
CREATE TEMP MACRO instant_text(instant) AS
  rtrim(rtrim(strftime(instant, '%Y-%m-%dT%H:%M:%S.%f'), '0'), '.') || 'Z';
CREATE TEMP MACRO amount_text(amount) AS
  regexp_replace(CAST(amount AS VARCHAR), '^(-?[0-9]+\.[0-9]{2}[0-9]*?)0*$', '\1')
"""
_INSTANTS = ("event_time", "deadline")
_PLANNED = """
CREATE TEMP VIEW planned AS
SELECT
  candidates.* REPLACE (
    CASE WHEN placed.detail IS NULL THEN candidates.disposition ELSE 'unsendable' END
      AS disposition
  ),
  placed.file,
  placed.row,
  placed.detail
FROM candidates
LEFT JOIN placed ON candidates.position = placed.position
"""


@contextmanager
def planned(plan: Plan, built: Built, spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the relation `planned`: the candidates with what became of each."""
    with connect(spill=spill) as connection:
        bind_files(connection, "candidates", [plan.candidates], "*")
        bind_files(connection, "placed", [built.placed], "*")
        connection.execute(_PLANNED)
        yield connection


def planned_tallies(connection: duckdb.DuckDBPyConnection) -> dict[str, Tally]:
    """Per final disposition, how many and how much."""
    return tallies(connection, "FROM planned")


def left_out(found: Mapping[str, Tally]) -> dict[str, int]:
    """Reason → how many are left out for it, in the order in which reasons hold."""
    return {name: found[name].events for name in LEFT_OUT if name in found}


def write_lists(
    plan: Plan, built: Built, connection: duckdb.DuckDBPyConnection, draft: Path
) -> dict[str, Any]:
    """Write events.csv, expired.csv, left_out.csv and, last, manifest.json.

    Args:
        plan: what was asked and decided.
        built: the batches, which are in the draft already.
        connection: as `planned` gave it.
        draft: the folder.

    Returns:
        The content of the manifest.
    """
    reasons = {"reason": list(LEFT_OUT), "what_next": list(LEFT_OUT.values())}
    connection.register("left_out_reasons", pa.table(reasons))
    connection.execute(_MACROS)
    window = dedup_window(plan.settings)
    parameters = {
        "pixel": plan.settings.pixel or "none",
        "dedup_window_us": None if window is None else window // timedelta(microseconds=1),
        "unverified": not has_verdicts(plan.settings),
    }
    for name, query in LISTS.items():
        _csv(connection, draft / name, resources.sql(f"backfill/{query}"), parameters)
    manifest = _manifest(plan, built, connection, draft)
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    write_durably(draft / "manifest.json", text.encode(), mode=PRIVATE_MODE)
    return manifest


def value_texts(value: Mapping[str, Decimal]) -> dict[str, str]:
    """Amounts per currency as text, by currency."""
    return {currency: amount_text(value[currency]) for currency in sorted(value)}


def _manifest(
    plan: Plan, built: Built, connection: duckdb.DuckDBPyConnection, draft: Path
) -> dict[str, Any]:
    found = planned_tallies(connection)
    sent, expired = found.get("send", Tally()), found.get("expired", Tally())
    reasons = left_out(found)
    order, settings, requests = plan.order, plan.settings, plan.route.requests
    return {
        "backfill_id": plan.backfill_id,
        "destination": plan.destination,
        "type": settings.type,
        "preset": settings.preset,
        "event_source": settings.event_source,
        "via": order.via,
        "strict": settings.strict,
        "run_id": plan.run_id,
        "rules": plan.rules,
        "as_of": instant_text(order.question.as_of),
        "from_day": _day(order.question.from_day),
        "to_day": _day(order.question.to_day),
        "include": sorted(order.include),
        "force": order.force,
        "unverified": order.unverified,
        "pixel": settings.pixel,
        "archiver_version": __version__,
        "events": sent.events,
        "expired": expired.events,
        "left_out": sum(reasons.values()),
        "left_out_reasons": reasons,
        "batches": len(built.files),
        "value": value_texts(sent.value),
        "expired_value": value_texts(expired.value),
        "first_deadline": instant_text(first_deadline(connection)),
        "notes": built.notes,
        "url": requests.url,
        "headers": [_header(header) for header in requests.headers],
        "upload": _upload(plan, built),
        "files": [
            *(
                {"name": f.name, "sha256": f.sha256, "bytes": f.bytes, "events": f.events}
                for f in built.files
            ),
            *(_list_entry(draft / name) for name in LISTS),
        ],
    }


def first_deadline(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """When the first of the events to be sent becomes too old; None where none does."""
    ((deadline,),) = connection.execute(
        "SELECT MIN(backfill_deadline) FROM planned WHERE disposition = 'send'"
    ).fetchall()
    found: datetime | None = deadline
    return found


def _header(header: Header) -> dict[str, str | None]:
    return {
        "name": header.name,
        "value": header.value,
        "environment": header.environment,
        "scheme": header.scheme,
    }


def _list_entry(path: Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": path.name, "sha256": digest, "bytes": path.stat().st_size, "events": None}


def _upload(plan: Plan, built: Built) -> dict[str, Any]:
    """How to send the batches by hand."""
    requests = plan.route.requests
    if requests.url is None:
        return {
            "url": None,
            "secrets": [],
            "curl": [],
            "note": "These files are for uploading by hand in the destination's own pages.",
        }
    options = " ".join(_curl_option(header) for header in requests.headers)
    url = f'"{requests.url}"' if "$" in requests.url else requests.url
    return {
        "url": requests.url,
        "secrets": [h.environment for h in requests.headers if h.environment],
        "curl": [
            f"curl --silent --show-error -X POST {options} --data-binary @{file.name} "
            f"-o {Path(file.name).stem}.reply.json {url}"
            for file in built.files
        ],
        "note": "archiver upload sends them within every limit, and keeps the replies as receipts. "
        "By hand: a reply with HTTP status 200 can still be a refusal, and what was answered is "
        "not known here until receipts of it are imported.",
    }


def _curl_option(header: Header) -> str:
    if header.environment is None:
        return f'-H "{header.name}: {header.value}"'
    if header.scheme == "basic":
        return f'-u "${header.environment}:"'
    scheme = "Bearer " if header.scheme == "bearer" else ""
    return f'-H "{header.name}: {scheme}${header.environment}"'


def _csv(
    connection: duckdb.DuckDBPyConnection, path: Path, query: str, parameters: Mapping[str, Any]
) -> None:
    """Write the rows of a query, in its order, with instants and amounts as people read them."""
    given = used(query, parameters)
    described = connection.execute(f"DESCRIBE ({query})", given).fetchall()
    names = [column[0] for column in described]
    texts = [f"instant_text({name}) AS {name}" for name in names if name in _INSTANTS]
    path.touch(mode=PRIVATE_MODE)
    connection.execute(
        f"COPY (SELECT * REPLACE ({', '.join([*texts, 'amount_text(value) AS value'])})"
        f" FROM ({query})) TO $path (FORMAT csv, HEADER true, USE_TMP_FILE false)",
        {**given, "path": str(path)},
    )
    fsync_file(path)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
