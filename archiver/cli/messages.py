"""What the commands say on stderr: a line of text, or with `--log-format json` a JSON object."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import click

from archiver.errors import ArchiverError

Level = Literal["info", "warning", "error"]
FORMATS = ("text", "json")
VARIABLE = "ARCHIVER_LOG_FORMAT"


@dataclass
class _Told:
    """How messages of this process look.

    Attributes:
        as_json: one JSON object per line.
        command: the command that runs; None before it is known.
    """

    as_json: bool = False
    command: str | None = None


_told = _Told()


def say(text: str, *, level: Level = "info", **fields: Any) -> None:
    """Say one thing on stderr.

    Args:
        text: without the word error, which `level` adds to text; more than one line is one message.
        level: how much it matters; `error`: something was not done.
        fields: what a machine may want to know apart, shown in JSON only: numbers, texts,
            instants, paths, lists.
    """
    if not _told.as_json:
        click.echo(f"error: {text}" if level == "error" else text, err=True)
        return
    message = {
        "time": _instant(datetime.now(UTC)),
        "level": level,
        "message": text,
        "command": _told.command,
    }
    message |= {name: value for name, value in fields.items() if name not in message}
    click.echo(json.dumps(message, ensure_ascii=False, default=_plain), err=True)


def say_error(error: ArchiverError) -> None:
    """Say what failed, why, and what to do next."""
    if _told.as_json:
        say(
            f"{error.doing}: {error.why}",
            level="error",
            doing=error.doing,
            why=error.why,
            next=error.hint,
            exit_code=error.exit_code,
        )
        return
    say(f"{error.doing}: {error.why}", level="error")
    if error.hint:
        say(f"  next: {error.hint}")


def is_json() -> bool:
    """Whether messages are JSON, so that nothing else may be on stderr."""
    return _told.as_json


@contextmanager
def spoken(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[None]:
    """Know how messages look before the command line is parsed: parsing may fail.

    A command line inside another one, as of `demo`, speaks as the outer one does.

    Args:
        arguments: of the command line; a value that is no format is left to the parser.
        environment: may have `ARCHIVER_LOG_FORMAT`.
    """
    before = _told.as_json, _told.command
    use(_is_chosen(arguments, environment.get(VARIABLE, "json" if _told.as_json else "")))
    try:
        yield
    finally:
        use(before[0])
        _told.command = before[1]


def _is_chosen(arguments: Sequence[str], chosen: str) -> bool:
    for index, argument in enumerate(arguments):
        if argument == "--log-format" and index + 1 < len(arguments):
            chosen = arguments[index + 1]
        elif argument.startswith("--log-format="):
            chosen = argument.removeprefix("--log-format=")
        elif argument == "--":
            break
    return chosen == "json"


def use(as_json: bool) -> None:
    """Set how messages look; with JSON, what libraries warn of or log becomes messages as well."""
    _told.as_json = as_json
    logger = logging.getLogger()
    for handler in [each for each in logger.handlers if isinstance(each, _Handler)]:
        logger.removeHandler(handler)
    if as_json:
        warnings.showwarning = _show_warning
        logger.addHandler(_Handler(logging.WARNING))
    elif warnings.showwarning is _show_warning:
        warnings.showwarning = _SHOW_WARNING


def running(command: str | None) -> None:
    """Remember the command whose messages follow."""
    _told.command = command


class _Handler(logging.Handler):
    """What libraries log, as messages."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it; a record that cannot be formatted is said as it came."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        # At most a warning: whether it is an error of the command, the command says.
        say(text, level="warning", logger=record.name)


_SHOW_WARNING = warnings.showwarning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if file is not None and file is not sys.stderr:
        _SHOW_WARNING(message, category, filename, lineno, file, line)
        return
    where = f"{os.path.basename(filename)}:{lineno}"
    say(str(message), level="warning", warning=category.__name__, where=where)


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return _instant(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return str(value)
