"""The `archiver` command: its options, and the one place where failures become exit codes."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from archiver import __version__, errors, interruption
from archiver.cli import messages
from archiver.cli.common import Settings, complain
from archiver.cli.names import COMPLETION_VARIABLE
from archiver.cli.progress import bars

# Command → the module below archiver.cli that holds it; imported when the command is called.
COMMANDS = {
    "init": "init",
    "nightly": "nightly",
    "watch": "watch",
    "status": "status",
    "doctor": "doctor",
    "alerts": "alerts",
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
    "verify": "verify",
    "compact": "compact",
    "destinations": "destinations",
    "drill": "drill",
    "demo": "demo",
    "completion": "completion",
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
    " threshold, 4 done in part, 5 another run holds the lock, 6 a feed or the last success is"
    " stale, 7 the destination refused the upload, 130 interrupted, 143 ended by SIGTERM. Several"
    " at once: 1 before 4 before 6 before 3.",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("archiver.toml"),
    show_default=True,
    envvar="ARCHIVER_CONFIG",
    help="The configuration file.",
)
@click.option(
    "--log-format",
    type=click.Choice(messages.FORMATS),
    show_default="text",
    envvar=messages.VARIABLE,
    help="What stderr is: lines of text, or one JSON object per line.",
)
@click.version_option(__version__, prog_name="archiver")
@click.pass_context
def cli(context: click.Context, config: Path, log_format: str | None) -> None:
    """Keep your own copy of every event, find what ad destinations lost, send it again once.

    Every night: nightly, which is ingest, receipts, load, reconcile, report, alerts and
    housekeeping. After an outage: backfill. How it stands: status.
    """
    if log_format is not None:
        messages.use(log_format == "json")
    messages.running(context.invoked_subcommand)
    context.obj = Settings(config)


def main() -> NoReturn:
    """Run the command and end the process with its exit code; or answer a completing shell."""
    if COMPLETION_VARIABLE in os.environ:
        from click.shell_completion import shell_complete

        asked = os.environ[COMPLETION_VARIABLE]
        sys.exit(shell_complete(cli, {}, "archiver", COMPLETION_VARIABLE, asked))
    with interruption.interruptible():
        code = run(sys.argv[1:])
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line.

    Returns:
        The exit code (DESIGN §8).
    """
    as_json = "--json" in arguments
    with messages.spoken(arguments, os.environ):
        try:
            return _run(arguments, as_json=as_json)
        except KeyboardInterrupt:
            # It came while another failure was looked at.
            return _interrupted(as_json=as_json)


def _run(arguments: list[str], *, as_json: bool) -> int:
    try:
        with bars(arguments):
            result = cli.main(args=arguments, prog_name="archiver", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else errors.EXIT_DONE
    except errors.ArchiverError as error:
        if interruption.received():
            return _interrupted(as_json=as_json)
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
        return _interrupted(as_json=as_json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return errors.EXIT_UNEXPECTED
    except Exception as error:
        if interruption.received():
            # A query that is interrupted raises an error of its own.
            return _interrupted(as_json=as_json)
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
                "archiver doctor names what is damaged; if nothing is, this is a defect, or memory"
                " is short; a re-run converges",
            ),
            as_json=as_json,
        )
        if os.environ.get("ARCHIVER_DEBUG"):
            messages.say(traceback.format_exc().rstrip())
        return errors.EXIT_UNEXPECTED


def _interrupted(*, as_json: bool) -> int:
    doing, hint = "running the command", "run it again; a re-run converges"
    error = errors.InterruptedRunError(doing, "interrupted", hint)
    if interruption.received() == signal.SIGTERM:
        error = errors.TerminatedRunError(doing, "ended by SIGTERM", hint)
    complain(error, as_json=as_json)
    return error.exit_code
