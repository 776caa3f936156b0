"""What `ingest` and `receipts` print, and the exit code of an import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.common import print_json
from archiver.cli.messages import say
from archiver.errors import EXIT_DONE, EXIT_PARTIAL, UsageError

if TYPE_CHECKING:
    from archiver.archive.staged import FileResult

_TOTALS = ("records", "archived", "quarantined", "bytes")


def chosen(known: dict[str, Any], name: str | None, option: str, *, is_for_one: bool) -> list[str]:
    """Whose files are meant: the named one's, or everyone's; UsageError where that is open.

    Args:
        known: settings by name.
        name: the one that the user names, already known; None: all.
        option: `source` or `destination`.
        is_for_one: what is imported can only be of one.
    """
    names = sorted(known)
    if name is not None:
        return [name]
    if not names:
        raise UsageError("importing files", f"no {option} is configured", f"add [{option}s.NAME]")
    if is_for_one and len(names) > 1:
        raise UsageError(
            "importing files",
            f"there are several {option}s",
            f"say which with --{option}: {', '.join(names)}",
        )
    return names


def say_unmatched(pattern: str, whose: str) -> None:
    """Name a configured pattern that no file matches."""
    say(f"no file matches {pattern} ({whose})")


def document(results: list[FileResult]) -> dict[str, Any]:
    """The JSON document of an import (DESIGN §8)."""
    return {
        "files": [
            {
                "path": result.path,
                "file_id": result.file_id,
                "status": result.status,
                "records": result.records,
                "archived": result.archived,
                "quarantined": result.quarantined,
                "bytes": result.bytes,
                "error": result.error,
            }
            for result in results
        ],
        "totals": {
            "files": len(results),
            **{name: sum(getattr(result, name) for result in results) for name in _TOTALS},
        },
    }


def finish(
    results: list[tuple[FileResult, float]],
    *,
    as_json: bool,
    dry_run: bool,
    unit: str,
    record: Callable[[int, dict[str, Any]], None],
    extra: Mapping[str, Any] | None = None,
) -> int:
    """Keep the record of the run, and print the results.

    Args:
        results: each file with the share of bad records that it may have.
        as_json: as one document.
        dry_run: nothing was written.
        unit: what the records hold: `events`, `receipts`, `receipts and totals`.
        record: keeps the exit code and the totals, before anything is on stdout.
        extra: further keys of the document.

    Returns:
        The exit code.
    """
    found = document([result for result, _ in results])
    over = [r for r, allowed in results if r.bad_ratio > allowed]
    failed = [r for r, _ in results if r.status == "failed"]
    code = EXIT_PARTIAL if failed or over else EXIT_DONE
    if not dry_run:
        record(code, found["totals"])
    for result in failed:
        say(str(result.error), level="error")
    for result in (r for r, _ in results if r.is_cut):
        say(f"{result.path} ends inside an array or a batch: is it whole?", level="warning")
    for result in over:
        say(
            f"{result.path}: {result.quarantined} of {result.records} records are bad, "
            "more than max_bad_ratio; it is imported all the same, and they are in quarantine",
            level="error",
        )
    if as_json:
        print_json({**found, **(extra or {})})
    else:
        _print_text([result for result, _ in results], dry_run=dry_run, unit=unit)
    return code


def _print_text(results: list[FileResult], *, dry_run: bool, unit: str) -> None:
    for result in results:
        if result.quarantined:
            click.echo(f"{result.path}: {result.quarantined:,} of {result.records:,} quarantined")
    by_status = {
        status: [r for r in results if r.status == status]
        for status in ("imported", "already_imported", "failed")
    }
    imported = by_status["imported"]
    rows = sum(r.rows for r in imported)
    records = sum(r.records for r in imported)
    quarantined = sum(r.quarantined for r in imported)
    extra = f" ({rows:,} {unit})" if unit != "events" and not dry_run else ""
    verb = "would be " if dry_run else ""
    click.echo(
        f"{len(imported):,} files {verb}imported: {records:,} records = "
        f"{records - quarantined:,} {'archived' if unit == 'events' else 'understood'}{extra}"
        f" + {quarantined:,} quarantined; "
        f"{len(by_status['already_imported']):,} known already, "
        f"{len(by_status['failed']):,} failed"
    )
