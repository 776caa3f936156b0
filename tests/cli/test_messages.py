"""stderr: lines of text, or with --log-format json one JSON object per line."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import warnings
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support import Workspace, event

from archiver.cli import messages
from archiver.cli.main import run
from archiver.errors import ArchiverError


def said(*arguments: str, environment: dict[str, str] | None = None, **call: Any) -> str:
    """What one message looks like."""
    err = io.StringIO()
    with (
        contextlib.redirect_stderr(err),
        messages.spoken(arguments, environment or {}),
    ):
        messages.running("ingest")
        messages.say(**call)
    return err.getvalue()


def objects(text: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    for one in found:
        assert [*one][:4] == ["time", "level", "message", "command"]
        assert datetime.fromisoformat(one["time"]).utcoffset() == timedelta(0)
        assert one["time"].endswith("Z")
    return found


def test_text_is_the_message_itself() -> None:
    assert said(text="3 files", files=3) == "3 files\n"
    assert said(text="it broke", level="error") == "error: it broke\n"


def test_json_has_the_fields() -> None:
    instant = datetime(2026, 1, 19, 13, tzinfo=timezone(timedelta(hours=1)))
    fields = {"at": instant, "path": Path("a b"), "amount": Decimal("1.10"), "names": {"b", "a"}}
    text = 'two\nlines "of" ünïcode'
    (found,) = objects(said("--log-format", "json", text=text, level="warning", **fields))
    assert (found["level"], found["message"], found["command"]) == ("warning", text, "ingest")
    assert found["at"] == "2026-01-19T12:00:00.000Z"
    assert (found["path"], found["amount"], found["names"]) == ("a b", "1.10", ["a", "b"])


def test_a_field_does_not_replace_what_every_message_has() -> None:
    (found,) = objects(said("--log-format=json", text="x", time=1, command="other"))
    assert found["command"] == "ingest"


def test_the_variable_chooses_and_the_option_overrides_it() -> None:
    variable = {"ARCHIVER_LOG_FORMAT": "json"}
    assert objects(said(text="x", environment=variable))
    assert said("--log-format", "text", text="x", environment=variable) == "x\n"
    assert said("sql", "--", "--log-format=json", text="x") == "x\n"


def test_what_libraries_warn_of_or_log_is_a_message_too() -> None:
    err = io.StringIO()
    with (
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
        messages.spoken(["--log-format=json"], {}),
    ):
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.getLogger("some.library").error("lost %d", 3)
    old, lost = objects(err.getvalue())
    assert (old["level"], old["message"], old["warning"]) == (
        "warning",
        "old",
        "DeprecationWarning",
    )
    assert (lost["message"], lost["logger"]) == ("lost 3", "some.library")
    assert not [h for h in logging.getLogger().handlers if isinstance(h, messages._Handler)]


def test_an_error_says_what_to_do_next_in_its_own_key() -> None:
    err = io.StringIO()
    with contextlib.redirect_stderr(err), messages.spoken(["--log-format=json"], {}):
        messages.say_error(ArchiverError("reading a", "it is torn", "fetch it again"))
    (found,) = objects(err.getvalue())
    assert found["message"] == "reading a: it is torn"
    assert (found["doing"], found["next"], found["exit_code"]) == ("reading a", "fetch it again", 1)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nonsense"], 2),
        (["--nonsense"], 2),
        (["ingest", "--nonsense"], 2),
        (["ingest", "--source", "wep"], 2),
        (["ingest", "no-such-file.gz"], 2),
        (["ingest"], 4),
        (["sql", "SELECT nonsense"], 2),
        (["verify"], 1),
        (["schema"], 2),
        (["report"], 2),
        (["upload", "nowhere"], 2),
    ],
)
def test_every_command_speaks_json_and_stdout_stays_the_same(
    workspace: Workspace, arguments: list[str], code: int
) -> None:
    workspace.write("inbound/web/torn.gz", data=b"\x1f\x8b\x08broken")
    text = workspace.run(*arguments)
    told = workspace.run("--log-format", "json", *arguments)
    assert told.code == text.code == code
    assert _timeless(told.out) == _timeless(text.out)
    assert objects(told.err), "something was said"
    assert not text.err.startswith("{")


def _timeless(text: str) -> str:
    return re.sub(r"\d+\.\d s\b", "", text)


def test_a_command_inside_another_speaks_like_it(workspace: Workspace) -> None:
    workspace.write("inbound/web/a.ndjson", event())
    err = io.StringIO()
    with contextlib.redirect_stderr(err), messages.spoken(["--log-format=json"], {}):
        run(["--config", str(workspace.config_path), "ingest", "--source", "wep"])
        messages.say("after it")
    assert [one["level"] for one in objects(err.getvalue())] == ["error", "info"]
