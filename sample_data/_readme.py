"""The text of README.md, with the numbers of the week that was made."""

# ruff: noqa: E501 (a row of a Markdown table is one line)

from __future__ import annotations

from typing import Any

INTRO = """# Sample data

A week of an invented shop that advertises on TikTok, as its archive would find it: what Segment
received, and what TikTok answered. People, addresses and orders are made up; e-mail addresses,
telephone numbers and IP addresses come from the ranges that are reserved for examples.

| path | content |
|---|---|
| `inbound/web`, `inbound/mobile` | Segment raw logs, gzip NDJSON, one file per six hours |
| `receipts/tiktok/` | TikTok's direct API log, one file per UTC day, one line per attempt |
| `archiver.toml` | the configuration of the demonstration |
| `expected.json` | every number below and the whole report, from what was planted |
| `generate.py`, `_*.py` | the generator |

`python sample_data/generate.py` writes all of it again (also this page), the same each time, with
nothing but Python. The compressed bytes also depend on the zlib that Python was built with; their
content does not. `--output DIR` writes elsewhere.

The week has the seven New York days 2026-01-12 to 2026-01-18, that is 2026-01-12 05:00 to
2026-01-19 05:00 UTC. The numbers hold for `--as-of {as_of}`, when every
conversion is settled. TikTok gets the web source only. Only orders have an amount.
"""

FAULTS = """## What is planted

Times are UTC.

| fault | where | the report must show |
|---|---|---|
| Outage of 22 hours: TikTok answers 503, or 200 with code 40100 | 15 January 11:52 to 16 January 09:52 | one `delivery_outage`, {outage_start} to {outage_end}. It counts whole hours: most of what arrived from 11:00 to 12:00 was sent before the outage. What arrived up to 05:52 ran out of retries and is `failed`; what arrived later got through after 09:52 and is `accepted` |
| Silent feed: the log lacks all that arrived in 80 minutes | 13 January 18:00 to 19:20 | one `receipts_missing` from {silence_start} to {silence_end}; its {silent} conversions are `unknown` |
| Lost without a trace | 14, over the week | {missing} `missing` |
| Throttled (40100) until the hub gave up | 12, 14 and 17 January | 3 `failed` beside those of the outage: {failed} in all |
| Throttled once, accepted three minutes later | three requests of 5 | `accepted` |
| Given up on 18 January, sent again on 19 January 09:30 | 3 | `accepted`: a late success closes the gap. It is also the newest attempt, so the feed covers the whole week |
| Refused for good (40002), alone in the request | 6 | `rejected` |
| Refused batch of 8 that names its row (`data.3.event_time: …`) | 17 January 16:00 | that one `rejected` ({rejected} in all), the other 7 sent again and `accepted` |
| Time-out that landed: 5 conversions, a later attempt accepted | 14 January 19:30 | `accepted` |
| Time-out that did not say: 1 and 4 conversions, no other attempt | 13 and 16 January | {ambiguous} `ambiguous` |
| Suppressed: `{{"All": false, …}}` 6, `{{"TikTok Conversions": false, …}}` 6 | over the week, one of each in the outage | {suppressed} `suppressed`, never expected |
| `{{"All": false, "TikTok Conversions": true}}` | 2 | `accepted`: the destination's own switch wins |
| One id with two contents (order and amount differ), never accepted | 14 January | {conflict} `conflict`, with the amount of the first |
| One id with two contents, accepted | 17 January | `accepted`, {conflict_accepted} finding `conflict_accepted` |
| TikTok was told one dollar less | 17 January | `accepted`, {value_mismatch} finding `value_mismatch` |
| No message id: null in one, absent in one | 16 and 18 January | {no_key} `unknown` with reason `no_key` ({unknown} `unknown` in all) |
| Receipts for ids of no archived event: 5 accepted, 1 throttled | over the week | {unarchived} `unarchived` |
| Re-delivered file: same bytes, another name | folder of 13 January | {already} file `already_imported` |
| Late file: events received on 14 January 15:00 to 15:40, delivered on the 18th into the folder of the 14th, with the `receivedAt` of the 14th | `{late_path}` | {late_records} records. Without it {late_away} more receipts are `unarchived`; with it nothing tells that it was late |
| Repeated message ids: the SDK sent again some seven hours later (another `sentAt` and `receivedAt`, `timestamp` some milliseconds off) | 30 web, 12 mobile, each in a later file | one event each, and no conflict |
| Malformed lines: 2 truncated, a bare string, invalid UTF-8 (web); 1 truncated, `null` (mobile) | at most one a file | {quarantined} quarantined |
| Two currencies | about one visitor in eight is Canadian | `USD` and `CAD`, never added. Some events write `usd` |
| Amounts | orders | numbers, text (`"1,303.95"`), `revenue` in place of an absent or null `value` |
| Refunds | 16 and 18 January `Order Refunded`; 17 January an `Order Completed` of -42.00 USD | the first two are no conversions; the third is `accepted` and lowers the day's value |
| `order completed` in lower case | 17 January | no conversion: names are exact |
| Times with offsets | 13 with `timestamp` in -05:00, 3 with `receivedAt` in +05:30 | as any other |
| Day boundary: orders at 04:59:59.999Z (written as 23:59:59.999-05:00) and 05:00:00.000Z | 15 January | `CompletePayment` on 14 and on 15 January |
| Phones off line for two days | 5 mobile events | in the folder of the day of receiving |
"""


def readme(expected: dict[str, Any]) -> str:
    """The page, from the content of expected.json."""
    report = expected["destinations"][0]
    totals = report["totals"]
    outage, silence = (
        next(i for i in report["incidents"] if i["diagnosis"] == name)
        for name in ("delivery_outage", "receipts_missing")
    )
    facts = {
        **totals,
        **report["findings"],
        "no_key": report["no_key"],
        "outage_start": _clock(outage["start"]),
        "outage_end": _clock(outage["end"]),
        "silence_start": _clock(silence["start"]),
        "silence_end": _clock(silence["end"]),
        "silent": silence["conversions"],
        "already": expected["ingest"]["totals"]["already_imported"],
        "quarantined": expected["ingest"]["totals"]["quarantined"],
        "late_path": expected["late_file"]["path"],
        "late_records": expected["late_file"]["records"],
        "late_away": expected["late_file"]["unarchived_while_away"],
    }
    parts = [INTRO.format(as_of=expected["as_of"]), _imports(expected), _report(report)]
    parts += [_backfill(expected["backfill"]), FAULTS.format(**facts)]
    return "\n".join(parts)


def _clock(instant: str) -> str:
    return instant[:19].replace("T", " ").rstrip("Z")


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _imports(expected: dict[str, Any]) -> str:
    rows = []
    for source in ("web", "mobile", "totals"):
        numbers, stored = expected["ingest"][source], expected["warehouse"][source]
        keys = ("files", "already_imported", "records", "archived", "quarantined")
        rows.append((source, *(numbers[key] for key in keys), stored["events"]))
    head = ("source", "files", "known already", "records", "archived", "quarantined", "events")
    log = expected["receipts"]
    return (
        "## What the imports must count\n\n"
        + _table(head, rows)
        + "\n`events` are the rows of the warehouse: one per message id.\n\n"
        + f"Receipts: {log['files']} files, {log['records']} requests, {log['receipts']} receipts "
        + "("
        + ", ".join(f"{count} {name}" for name, count in log["by_outcome"].items())
        + f"); the newest attempt is of {_clock(log['newest_attempt'])}.\n"
    )


def _report(report: dict[str, Any]) -> str:
    keys: tuple[str, ...] = ("expected", "accepted", "pending", "unknown", "gap")
    keys += ("missing", "failed", "rejected", "ambiguous", "conflict", "suppressed", "unarchived")
    days = sorted({row["day"] for row in report["days"]})
    names = sorted({row["event"] for row in report["days"]})
    by_day: list[tuple[Any, ...]] = []
    for day in days:
        rows = [row for row in report["days"] if row["day"] == day]
        by_day.append((day, *(sum(row[key] for row in rows) for key in keys)))
    by_name: list[tuple[Any, ...]] = []
    for name in names:
        rows = [row for row in report["days"] if row["event"] == name]
        by_name.append((name, *(sum(row[key] for row in rows) for key in keys)))
    totals = report["totals"]
    all_row = ("all", *(totals[key] for key in keys))
    money = [
        (currency, *(value[key] for key in keys[:5])) for currency, value in totals["value"].items()
    ]
    outages = [
        (
            incident["diagnosis"],
            _clock(incident["start"]),
            _clock(incident["end"]),
            incident["conversions"],
            incident["gap_conversions"],
        )
        for incident in report["incidents"]
    ]
    return "\n".join(
        (
            "## What the report must show\n",
            _table(("account day", *keys), [*by_day, all_row]),
            _table(("event", *keys), [*by_name, all_row]),
            _table(("value", *keys[:5]), money),
            _table(("incident", "start", "end", "conversions", "of these in the gap"), outages),
            f"Of the gap {totals['recoverable']} are recoverable at the as-of and "
            f"{totals['expired']} have expired.\n",
        )
    )


def _backfill(numbers: dict[str, Any]) -> str:
    sums = ", ".join(f"{amount} {currency}" for currency, amount in numbers["value"].items())
    return (
        "## What the backfill must hold\n\n"
        f"{numbers['events']} conversions ({numbers['by_status']['failed']} `failed`, "
        f"{numbers['by_status']['missing']} `missing`), {sums}; {numbers['expired']} more happened "
        "over seven days before the as-of and are listed as expired.\n\n"
        + _table(("event", "conversions"), list(numbers["by_event"].items()))
    )
