"""What stands beside the batches: which events, why each is safe, what is left out, the sums."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from archiver import __version__
from archiver.backfill.batches import PRIVATE_MODE, Batch
from archiver.backfill.plan import LEFT_OUT, Candidate, Plan, builder, sum_values
from archiver.files import write_durably
from archiver.texts import amount_text, instant_text


def write_lists(plan: Plan, draft: Path, batches: list[Batch]) -> dict[str, Any]:
    """Write events.csv, expired.csv, left_out.csv and, last, manifest.json; its content."""
    sent = [(batch.name, c) for batch in batches for c in batch.candidates]
    expired = plan.chosen("expired")
    left_out = [c for c in plan.candidates if c.disposition in LEFT_OUT]
    _csv(
        draft / "events.csv",
        ["event_id", "event", "event_time", "status", "why_safe", "batch", "value", "currency"],
        (
            [c.event_id, c.event, c.event_time, c.status, c.why_safe, name, *_money(c)]
            for name, c in sent
        ),
    )
    _csv(
        draft / "expired.csv",
        ["event_id", "event", "event_time", "status", "deadline", "value", "currency"],
        (
            [c.event_id, c.event, c.event_time, c.status, c.backfill_deadline, *_money(c)]
            for c in expired
        ),
    )
    _csv(
        draft / "left_out.csv",
        [
            *("event_id", "event", "event_time", "status", "reason", "earlier_backfill"),
            *("what_next", "value", "currency"),
        ],
        (
            [
                *(c.event_id, c.event, c.event_time, c.status, c.disposition),
                *(c.earlier_backfill_id, LEFT_OUT[c.disposition], *_money(c)),
            ]
            for c in left_out
        ),
    )
    deadlines = [c.backfill_deadline for _, c in sent if c.backfill_deadline]
    manifest = {
        "backfill_id": plan.backfill_id,
        "destination": plan.destination,
        "run_id": plan.run_id,
        "as_of": instant_text(plan.order.question.as_of),
        "from_day": _day(plan.order.question.from_day),
        "to_day": _day(plan.order.question.to_day),
        "include": sorted(plan.order.include),
        "force": plan.order.force,
        "pixel": plan.settings.pixel,
        "archiver_version": __version__,
        "events": len(sent),
        "expired": len(expired),
        "left_out": len(left_out),
        "left_out_reasons": plan.left_out(),
        "batches": len(batches),
        "value": _value_texts(c for _, c in sent),
        "expired_value": _value_texts(expired),
        "first_deadline": instant_text(min(deadlines, default=None)),
        "upload": _upload(plan, batches),
        "files": [
            {
                "name": path.name,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "bytes": path.stat().st_size,
                "events": len(next((b.candidates for b in batches if b.name == path.name), []))
                or None,
            }
            for path in sorted(draft.iterdir())
        ],
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    write_durably(draft / "manifest.json", text.encode(), mode=PRIVATE_MODE)
    return manifest


def _upload(plan: Plan, batches: list[Batch]) -> dict[str, Any]:
    """How to send the batches by hand."""
    kind = builder(plan.destination, plan.settings)
    headers = " ".join(
        f'-H "{h.name}: ${h.environment}"' if h.environment else f'-H "{h.name}: {h.value}"'
        for h in kind.request_headers
    )
    return {
        "url": kind.request_url,
        "secrets": [h.environment for h in kind.request_headers if h.environment],
        "curl": [
            f"curl --silent --show-error -X POST {headers} --data-binary @{batch.name} "
            f"-o {batch.name.removesuffix('.json')}.reply.json {kind.request_url}"
            for batch in batches
        ],
        "note": "A reply with HTTP status 200 can still be a refusal: look at its code. Keep each "
        "reply, and import it as a receipt, before sending anything again.",
    }


def _csv(path: Path, header: list[str], rows: Iterable[list[Any]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([instant_text(v) if isinstance(v, datetime) else v for v in row])
    write_durably(path, out.getvalue().encode(), mode=PRIVATE_MODE)


def _money(candidate: Candidate) -> list[str]:
    if candidate.value is None:
        return ["", ""]
    return [amount_text(candidate.value), candidate.currency]


def _value_texts(candidates: Iterable[Candidate]) -> dict[str, str]:
    return {currency: amount_text(v) for currency, v in sum_values(candidates).items()}


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
