"""`archiver verify`: whether the archive is whole."""

from __future__ import annotations

import time
from dataclasses import asdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.common import Settings, json_option, pass_settings, print_json, wait_option
from archiver.cli.messages import say
from archiver.errors import EXIT_DONE, EXIT_UNEXPECTED

if TYPE_CHECKING:
    from archiver.archive.damage import Problem
    from archiver.archive.verify import Verification


class _Share(click.ParamType[Fraction]):
    """A share as it is written, so that ten tenths are a whole."""

    name = "share"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction:
        """Read it, or fail with an example."""
        try:
            share = Fraction(value)
        except (ValueError, ZeroDivisionError):
            share = Fraction(0)
        if not 0 < share <= 1:
            self.fail(f"{value!r} is no share; write 0.1", param, ctx)
        return share


@click.command("verify", short_help="Whether the archive is whole.")
@click.option(
    "--rebuild",
    is_flag=True,
    help="Also build every inbound file of events again and compare it with its hash.",
)
@click.option(
    "--sample",
    type=_Share(),
    default="1",
    metavar="SHARE",
    help="Read the content of this share only, of which each day takes another: 0.1 reads all"
    " within ten days. What costs little is always checked.",
)
@json_option
@wait_option
@pass_settings
def command(settings: Settings, rebuild: bool, sample: Fraction, as_json: bool, wait: bool) -> int:
    """Check that the archive is whole; change nothing in it.

    Logs, data files and their content, what lies beside them, and every record against the import
    ledger. Exit code 1: something is wrong, and each problem is a line on stderr.
    """
    from archiver.archive.verify import verify

    with settings.locked("verify", archive=True, wait=wait):
        found = verify(
            settings.archive,
            settings.started_at.date(),
            rebuild=rebuild,
            share=sample,
            known=settings.config.own_folders,
        )
        code = EXIT_UNEXPECTED if found.problems else EXIT_DONE
        summary = {
            "files": found.files,
            "records": found.records,
            "data_files": found.data_files,
            "rebuilt": found.rebuilt,
            "not_rebuilt": found.not_rebuilt,
        }
        settings.record("verify", code, {**summary, "problems": len(found.problems)})
    for problem in found.problems:
        say(f"problem: {_line(problem)}", level="warning", **asdict(problem))
    if found.not_rebuilt:
        say(
            f"{found.not_rebuilt:,} inbound files cannot be rebuilt, since what stands between "
            "their records is not kept, or retention deleted some of them",
            not_rebuilt=found.not_rebuilt,
        )
    if as_json:
        problems = [asdict(problem) for problem in found.problems]
        print_json({"ok": not problems, **summary, "problems": problems})
    else:
        seconds = time.time() - settings.started_at.timestamp()
        click.echo(_text(found, rebuild=rebuild, seconds=seconds))
    return code


def _line(problem: Problem) -> str:
    about = " ".join(text for text in (problem.path, problem.file_id) if text)
    return f"{problem.check}: {about or problem.table}: {problem.detail}"


def _text(found: Verification, *, rebuild: bool, seconds: float) -> str:
    built = f"{found.rebuilt:,} of them rebuilt ({_size(found.bytes_rebuilt)}), "
    return (
        f"{found.tables} tables, {found.data_files:,} data files, "
        f"{found.data_files_read:,} of them read ({_size(found.bytes_read)}); "
        f"{found.files:,} inbound files with {found.records:,} records, "
        + (built if rebuild else "")
        + f"{seconds:.1f} s: "
        + (f"{len(found.problems):,} problems" if found.problems else "all well")
    )


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
