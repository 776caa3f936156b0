"""Writes a backfill: request bodies that can be uploaded as they are, and what is in them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from archiver import __version__
from archiver.archive.staging import StagedTable
from archiver.archive.store import Archive
from archiver.archive.tables import BACKFILLS, EVENTS
from archiver.backfill.plan import LEFT_OUT, Candidate, Plan, sum_values
from archiver.config import Config
from archiver.destinations import destination as destination_type
from archiver.destinations.base import Destination, Settings, UnsendableEvent
from archiver.errors import ArchiverError, UsageError
from archiver.files import fsync_folder, write_durably
from archiver.texts import amount_text, instant_text
from archiver.warehouse.database import bind_files, connect

_PRIVATE = 0o600


@dataclass(frozen=True)
class Backfill:
    """A written backfill.

    Attributes:
        path: its folder.
        manifest: the content of its `manifest.json`.
        existed: it was there already; nothing was written.
    """

    path: Path
    manifest: dict[str, Any]
    existed: bool


def write_backfill(
    config: Config, archive: Archive, plan: Plan, output: Path | None, created_at: datetime
) -> Backfill:
    """Write the planned backfill, or find it where it is already. Hold the archive's lock.

    The ledger of backfills is committed before the folder appears, so that no event can be in two
    backfills unnoticed, whenever the program dies.

    Args:
        config: where the default folder is.
        archive: keeps the ledger of backfills, and the payloads.
        plan: what to write.
        output: a folder for a copy beside `backfills/DESTINATION/ID`, where it always is.
        created_at: instant of the export, for the ledger.

    Raises:
        UsageError: the output folder holds something else.
    """
    parent = config.folder / "backfills" / plan.destination
    folder, draft = parent / plan.backfill_id, parent / f".{plan.backfill_id}.draft"
    if output is not None:
        output = output.resolve()
        _check_output(output, plan)
    existed = folder.exists()
    if existed:
        manifest = _read_manifest(folder)
    else:
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(parents=True, mode=0o700)
        batches = _write_batches(config, archive, plan, draft)
        manifest = _write_lists(plan, draft, batches)
        _enter_in_ledger(archive, plan, batches, created_at)
        os.replace(draft, folder)
        fsync_folder(parent)
    if output is not None:
        _copy(folder, output)
    return Backfill(output or folder, manifest, existed)


def _check_output(output: Path, plan: Plan) -> None:
    """Refuse a folder that holds something else, before anything is made."""
    doing = f"writing the backfill {plan.backfill_id} to {output}"
    try:
        if not output.exists() or not any(output.iterdir()):
            return
        manifest = json.loads((output / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        manifest = {}
    except (OSError, ValueError) as error:
        raise UsageError(doing, str(error), "name another folder") from None
    if manifest.get("backfill_id") != plan.backfill_id:
        raise UsageError(doing, "the folder is not empty", "name another folder, or empty it")


def _read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a backfill that is there, if its files still are what was written."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
        for entry in manifest["files"]:
            data = (folder / entry["name"]).read_bytes()
            if hashlib.sha256(data).hexdigest() != entry["sha256"]:
                raise ValueError(f"{entry['name']} was changed")
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"reading the backfill {folder}",
            f"its files are not what was written: {error}",
            "remove the folder and run this again: the same files come back",
        ) from None
    return manifest


def _copy(folder: Path, output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in sorted(folder.iterdir()):
            write_durably(output / path.name, path.read_bytes(), mode=_PRIVATE)
    except OSError as error:
        raise UsageError(
            f"copying the backfill to {output}",
            error.strerror or str(error),
            f"it is whole in {folder}",
        ) from None


def finish_interrupted(config: Config, archive: Archive, destination: str) -> list[Path]:
    """Bring the backfills of a run that died to their end. Hold the archive's lock.

    What the ledger knows gets its folder; what it does not know was never made, and goes.

    Returns:
        The folders that appeared.
    """
    parent = config.folder / "backfills" / destination
    drafts = sorted(parent.glob(".*.draft"))
    if not drafts:
        return []
    known = set(archive.read(BACKFILLS, ["backfill_id"])["backfill_id"].to_pylist())
    finished = []
    for draft in drafts:
        folder = parent / draft.name[1 : -len(".draft")]
        # The manifest is written last: with it, the draft is whole.
        is_whole = (draft / "manifest.json").exists()
        if is_whole and folder.name in known and not folder.exists():
            os.replace(draft, folder)
            fsync_folder(parent)
            finished.append(folder)
        else:
            shutil.rmtree(draft)
    return finished


@dataclass
class _Batch:
    name: str
    candidates: list[Candidate]


def _write_batches(config: Config, archive: Archive, plan: Plan, draft: Path) -> list[_Batch]:
    kind = destination_type(plan.settings.type)
    settings = Settings(plan.settings.event_source, plan.settings.event_source_id or "")
    limits = kind.limits(plan.settings.event_source)
    batches: list[_Batch] = []
    items: list[bytes] = []
    inside: list[Candidate] = []
    empty_bytes = len(kind.request_body([], settings))
    body_bytes = empty_bytes

    def close() -> None:
        nonlocal items, inside, body_bytes
        if items:
            name = f"batch-{len(batches) + 1:05d}.json"
            write_durably(draft / name, kind.request_body(items, settings), mode=_PRIVATE)
            batches.append(_Batch(name, inside))
        items, inside, body_bytes = [], [], empty_bytes

    for candidate, payload in _payloads(config, archive, plan.chosen("send")):
        item = _build(kind, candidate, payload)
        if item is None:
            continue
        full = len(items) >= limits.max_events or (
            limits.max_body_bytes is not None and body_bytes + len(item) + 1 > limits.max_body_bytes
        )
        if full:
            close()
        items.append(item)
        inside.append(candidate)
        body_bytes += len(item) + 1
    close()
    return batches


def _build(kind: Destination, candidate: Candidate, payload: bytes) -> bytes | None:
    """The event in the destination's form; None, and left out, where that cannot be."""
    try:
        built = kind.build_event(payload, candidate.event)
    except UnsendableEvent:
        candidate.disposition = "unsendable"
        return None
    if built.event_id != candidate.event_id:
        candidate.disposition = "unsendable"
        return None
    return built.item


def _payloads(
    config: Config, archive: Archive, candidates: Sequence[Candidate]
) -> Iterator[tuple[Candidate, bytes]]:
    """Each candidate with its event as archived, in the same order."""
    if not candidates:
        return
    partitions = {(c.source, _utc_day(c)) for c in candidates}
    files = [
        path
        for path in archive.live_files(EVENTS)
        if tuple(part.split("=", 1)[1] for part in path.parts[-3:-1])
        in {(source, day.isoformat()) for source, day in partitions}
    ]
    wanted = pa.table(
        {
            "position": pa.array(range(len(candidates)), pa.int64()),
            "source": [c.source for c in candidates],
            "file_id": [c.file_id for c in candidates],
            "record_number": pa.array([c.record_number for c in candidates], pa.int64()),
        }
    )
    with connect(spill=config.warehouse_path / ".spill") as connection:
        hive = {"source": "VARCHAR", "received_date": "DATE"}
        bind_files(connection, "event_records", files, EVENTS.schema, hive=hive)
        connection.register("wanted", wanted)
        reader = connection.sql(
            "SELECT wanted.position, event_records.payload FROM wanted"
            " INNER JOIN event_records USING (source, file_id, record_number)"
            " ORDER BY wanted.position"
        ).to_arrow_reader(1000)
        found = 0
        for batch in reader:
            for position, payload in zip(
                batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True
            ):
                found += 1
                yield candidates[position], payload.encode("utf-8")
    if found != len(candidates):
        raise ArchiverError(
            "reading the lost events from the archive",
            f"it holds {found} of {len(candidates)}",
            "nothing was written; has the archive lost files?",
        )


def _utc_day(candidate: Candidate) -> date:
    return candidate.arrival.date()


def _write_lists(plan: Plan, draft: Path, batches: list[_Batch]) -> dict[str, Any]:
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
    write_durably(draft / "manifest.json", text.encode(), mode=_PRIVATE)
    return manifest


def _upload(plan: Plan, batches: list[_Batch]) -> dict[str, Any]:
    """How to send the batches by hand."""
    kind = destination_type(plan.settings.type)
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


def _enter_in_ledger(
    archive: Archive, plan: Plan, batches: list[_Batch], created_at: datetime
) -> None:
    known = archive.read(BACKFILLS, ["backfill_id"])["backfill_id"].to_pylist()
    if plan.backfill_id in known:
        return
    rows = [
        {
            "destination": plan.destination,
            "backfill_id": plan.backfill_id,
            "run_id": plan.run_id,
            "as_of": plan.order.question.as_of,
            "event_id": c.event_id,
            "event": c.event,
            "source": c.source,
            "message_id": c.message_id,
            "status": c.status,
            "batch": batch.name,
            "value": c.value,
            "currency": c.currency,
            "created_at": created_at,
        }
        for batch in batches
        for c in batch.candidates
    ]
    if rows:
        staged = StagedTable(BACKFILLS, archive.staging)
        staged.add(pa.Table.from_pylist(rows, schema=BACKFILLS.schema))
        archive.commit(staged.finish())


def _csv(path: Path, header: list[str], rows: Iterable[list[Any]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([instant_text(v) if isinstance(v, datetime) else v for v in row])
    write_durably(path, out.getvalue().encode(), mode=_PRIVATE)


def _money(candidate: Candidate) -> list[str]:
    if candidate.value is None:
        return ["", ""]
    return [amount_text(candidate.value), candidate.currency]


def _value_texts(candidates: Iterable[Candidate]) -> dict[str, str]:
    return {currency: amount_text(v) for currency, v in sum_values(candidates).items()}


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
