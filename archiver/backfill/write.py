"""Writes a backfill: request bodies that can be uploaded as they are, and what is in them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from archiver.archive.staging import StagedTable
from archiver.archive.store import Archive
from archiver.archive.tables import BACKFILLS
from archiver.backfill.batches import PRIVATE_MODE, build_batches
from archiver.backfill.manifest import planned, write_lists
from archiver.backfill.plan import Plan, check_order
from archiver.config import Config
from archiver.errors import UsageError
from archiver.files import fsync_folder, write_durably

_LEDGER_ROWS = 50_000


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
        UsageError: the output folder holds something else, or the destination gives no verdicts
            and the order does not accept that.
    """
    check_order(config, plan.order)
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
        built = build_batches(config, archive, plan, plan.candidates.parent, draft)
        with planned(plan, built, config.warehouse_path / ".spill") as connection:
            manifest = write_lists(plan, built, connection, draft)
            fsync_folder(draft)
            _enter_in_ledger(archive, plan, connection, created_at)
        os.replace(draft, folder)
        fsync_folder(parent)
    if output is not None:
        _copy(folder, output, [*(entry["name"] for entry in manifest["files"]), "manifest.json"])
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
            "move the folder aside and run this again: the same files come back; what an upload"
            " left there (upload*) belongs beside them",
        ) from None
    return manifest


def _copy(folder: Path, output: Path, names: list[str]) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in names:
            write_durably(output / name, (folder / name).read_bytes(), mode=PRIVATE_MODE)
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
    known = _known(archive)
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


def _enter_in_ledger(
    archive: Archive, plan: Plan, connection: duckdb.DuckDBPyConnection, created_at: datetime
) -> None:
    if plan.backfill_id in _known(archive):
        return
    rows = connection.sql(
        "SELECT event_id, event, source, message_id, status, file AS batch, value, currency"
        " FROM planned WHERE disposition = 'send' ORDER BY position"
    ).to_arrow_reader(_LEDGER_ROWS)
    same = {
        "destination": plan.destination,
        "backfill_id": plan.backfill_id,
        "run_id": plan.run_id,
        "as_of": plan.order.question.as_of,
        "created_at": created_at,
    }
    staged = StagedTable(BACKFILLS, archive.staging)
    for batch in rows:
        columns = [
            pa.repeat(pa.scalar(same[column.name], column.type), batch.num_rows)
            if column.name in same
            else batch[column.name].cast(column.type)
            for column in BACKFILLS.schema
        ]
        staged.add(pa.table(columns, schema=BACKFILLS.schema))
    archive.commit(staged.finish())


def _known(archive: Archive) -> set[str]:
    """The backfills in the ledger."""
    ids = archive.read(BACKFILLS, ["backfill_id"])["backfill_id"]
    return set(pc.unique(ids).to_pylist())
