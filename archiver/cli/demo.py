"""`archiver demo`: the main job on a week of sample data with an outage."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import click

from archiver import resources
from archiver.errors import (
    EXIT_DONE,
    EXIT_GAP,
    ArchiverError,
    UsageError,
    blaming_the_path,
)

AS_OF = "2026-01-19T12:00:00Z"
QUERIES = (
    "SELECT status, reason, COUNT(*) AS conversions, SUM(value) AS value FROM reconciliation"
    " GROUP BY status, reason ORDER BY conversions DESC",
    "SELECT body.context.library.name AS library, COUNT(*) AS events, SUM(value) AS value"
    " FROM events GROUP BY library ORDER BY events DESC",
)


@click.command("demo", short_help="The main job on a week of sample data.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("demo"))
def command(folder: Path) -> int:
    """Play a week with an outage in FOLDER (default: ./demo): from files to a backfill.

    The folder is made anew each time and left for exploring.
    """
    from archiver.cli.main import run

    _prepare(folder)
    config = folder / "archiver.toml"
    steps = (
        ("Every inbound event goes into the archive, byte for byte.", ["ingest"], EXIT_DONE),
        ("What TikTok acknowledged goes beside it.", ["receipts"], EXIT_DONE),
        ("The archive becomes a warehouse for analysts.", ["load"], EXIT_DONE),
        (
            "Each conversion gets one status. Exit code 3 says: a day is over its threshold.",
            ["reconcile", "--as-of", AS_OF],
            EXIT_GAP,
        ),
        ("The gap, per day.", ["report"], EXIT_DONE),
        (
            "The files that bring back what was lost.",
            ["backfill", "--destination", "tiktok", "--as-of", AS_OF],
            EXIT_DONE,
        ),
        ("Where things stand.", ["status", "--as-of", AS_OF], EXIT_DONE),
    )
    for number, (story, arguments, expected) in enumerate(steps, 1):
        shown = shlex.join(["archiver", "--config", str(config), *arguments])
        click.secho(f"\n{number}. {story}", bold=True)
        click.secho(f"$ {shown}", fg="cyan")
        code = run(["--config", str(config), *arguments])
        if code != expected:
            raise ArchiverError(
                f"running {shown}", f"it ended with exit code {code}, not {expected}"
            )
    click.secho("\nThe backfill files:", bold=True)
    batches = sorted(folder.glob("backfills/*/*/batch-*.json"))
    for path in sorted(folder.glob("backfills/*/*/*")):
        if path not in batches[1:]:
            click.echo(f"  {path}")
    click.echo(f"  and {len(batches) - 1} more batches")
    click.secho("\nTwo questions to try:", bold=True)
    for query in QUERIES:
        click.echo(f"  archiver --config {config} sql {shlex.quote(query)}")
    click.secho("\nAn outage on this configuration, against a stand-in for TikTok:", bold=True)
    click.echo(f"  archiver --config {config} drill")
    return EXIT_DONE


def _prepare(folder: Path) -> None:
    doing = f"making the demo in {folder}"
    sample = resources.folder("sample_data")
    with blaming_the_path(doing):
        if folder.exists() and any(folder.iterdir()):
            if not _is_a_demo(folder, sample):
                raise UsageError(
                    doing, "the folder holds something else", "name another: archiver demo FOLDER"
                )
            shutil.rmtree(folder)
        shutil.copytree(
            sample,
            folder,
            ignore=shutil.ignore_patterns("*.py", "__pycache__", "README.md"),
            dirs_exist_ok=True,
        )


def _is_a_demo(folder: Path, sample: Path) -> bool:
    """Whether the folder's configuration is the sample's own, to the byte: nobody else's work."""
    config = folder / "archiver.toml"
    return config.is_file() and config.read_bytes() == (sample / config.name).read_bytes()
