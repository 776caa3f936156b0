"""The `archiver` command: its options, and the one place where failures become exit codes."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from archiver import __version__, errors
from archiver.cli.common import Settings, complain

# Command → the module below archiver.cli that holds it; imported when the command is called.
COMMANDS = {
    "init": "init",
    "ingest": "ingest",
    "receipts": "receipts",
    "load": "load",
    "reconcile": "reconcile",
    "report": "report",
    "backfill": "backfill",
    "upload": "upload",
    "explain": "explain",
    "schema": "schema",
    "sql": "sql",
    "status": "status",
    "verify": "verify",
    "destinations": "destinations",
    "drill": "drill",
    "demo": "demo",
}


class _Commands(click.Group):
    """Commands in the order of the work, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"archiver.cli.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 unexpected error, 2 usage or configuration, 3 a gap over the"
    " threshold, 4 done in part, 5 another run holds the lock, 7 the"
    " destination refused the upload, 130 interrupted.",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("archiver.toml"),
    show_default=True,
    envvar="ARCHIVER_CONFIG",
    help="The configuration file.",
)
@click.version_option(__version__, prog_name="archiver")
@click.pass_context
def cli(context: click.Context, config: Path) -> None:
    """Keep your own copy of every event, find what ad destinations lost, send it again once.

    The nightly round: ingest, receipts, load, reconcile, report. After an outage: backfill.
    """
    context.obj = Settings(config)


def main() -> NoReturn:
    """Run the command and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line.

    Returns:
        The exit code (DESIGN §8).
    """
    as_json = "--json" in arguments
    try:
        result = cli.main(args=arguments, prog_name="archiver", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else errors.EXIT_DONE
    except errors.ArchiverError as error:
        complain(error, as_json=as_json)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return errors.EXIT_USAGE
    except click.ClickException as error:
        context: click.Context | None = getattr(error, "ctx", None)
        name = context.command_path if context else "archiver"
        doing, hint = f"reading the command line of {name}", f"see {name} --help"
        complain(errors.UsageError(doing, error.format_message(), hint), as_json=as_json)
        return errors.EXIT_USAGE
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except (KeyboardInterrupt, click.Abort):
        why, hint = "interrupted", "run it again; a re-run converges"
        complain(errors.InterruptedRunError("running the command", why, hint), as_json=as_json)
        return errors.EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return errors.EXIT_UNEXPECTED
    except Exception as error:
        if (said := errors.full_disk(error)) is not None:
            complain(
                errors.ArchiverError(
                    "writing",
                    f"the disk is full ({said})",
                    "free space for archive.root, warehouse.path and temporary files, and run it"
                    " again; nothing half done is visible, and a re-run converges",
                ),
                as_json=as_json,
            )
            return errors.EXIT_UNEXPECTED
        where = traceback.extract_tb(error.__traceback__)[-1]
        complain(
            errors.ArchiverError(
                f"unexpected {type(error).__name__} in {Path(where.filename).name}:{where.lineno}",
                str(error) or "no message",
                "this is a defect, or the disk or memory is full; a re-run converges",
            ),
            as_json=as_json,
        )
        if os.environ.get("ARCHIVER_DEBUG"):
            traceback.print_exc()
        return errors.EXIT_UNEXPECTED
