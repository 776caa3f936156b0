"""What is open, what was told, and what waits to be told: `<archive>/_alerts/state.json`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from archiver.alerts.model import Condition, Kind, State
from archiver.errors import EXIT_PARTIAL, ArchiverError
from archiver.files import write_durably

_NAME = "state.json"
_FORMAT = "archiver alerts"
_VERSION = 1


class AlertsStateError(ArchiverError):
    """A state of the alerts that cannot be used; nothing was sent."""

    exit_code = EXIT_PARTIAL


class Member(msgspec.Struct, kw_only=True):
    """A condition in an alert.

    Attributes:
        condition: as it was seen last.
        opened_at: the round that saw it first, or again.
        told: its extent as last told.
        ended_at: the round that told its end; None: it holds.
        false_since: of one that returned before: the first round that saw it false again, which
            is not told yet.
        returns: how often it returned within the cool-down of its end.
    """

    condition: Condition
    opened_at: datetime
    told: int
    ended_at: datetime | None = None
    false_since: datetime | None = None
    returns: int = 0


class Alert(msgspec.Struct, kw_only=True):
    """The life of all that began, in one round or one after the other, by the same cause.

    Attributes:
        alert: its id.
        opened_at: the round that opened it, UTC.
        told_at: the round of its newest message.
        messages: how many there were.
        members: the conditions, those that ended too.
        channels: what each channel was told of it last, or is to be told.
        resolved_at: the round that resolved it; None: it is open.
    """

    alert: str
    opened_at: datetime
    told_at: datetime
    messages: int = 0
    members: list[Member] = []
    channels: dict[str, State] = {}
    resolved_at: datetime | None = None


class Message(msgspec.Struct, kw_only=True):
    """What is to be told.

    Attributes:
        alert_id: its own id, the same however often it is sent.
        alert: the alert's id.
        conditions: as a webhook gets them.
        waiting: the channels that have not taken it.
    """

    alert_id: str
    alert: str
    kind: Kind
    state: State
    title: str
    text: str
    as_of: datetime
    opened_at: datetime
    run_id: str
    conditions: list[dict[str, Any]]
    waiting: list[str]


class Trouble(msgspec.Struct, kw_only=True):
    """That a channel fails.

    Attributes:
        since: real time, UTC.
        why: no secrets.
        is_told: another channel took a message that says so.
    """

    since: datetime
    why: str
    is_told: bool = False


class Alerts(msgspec.Struct, kw_only=True):
    """The whole state.

    Attributes:
        as_of: the latest instant for which conditions were compared, UTC.
        compared_at: the real time of that, UTC.
        alerts: the open ones, and those resolved within the cool-down.
        outbox: in the order in which they are to be told.
        troubles: by channel.
    """

    format: Literal["archiver alerts"] = "archiver alerts"
    version: int = _VERSION
    as_of: datetime | None = None
    compared_at: datetime | None = None
    alerts: list[Alert] = []
    outbox: list[Message] = []
    troubles: dict[str, Trouble] = {}


def state_folder(archive_root: Path) -> Path:
    """Where the state of the alerts is kept: `<archive>/_alerts`."""
    return archive_root / "_alerts"


def read_state(folder: Path) -> Alerts:
    """The state as it was written last; an empty one where there is none.

    Raises:
        AlertsStateError: it is torn, or of another program or version.
    """
    path = folder / _NAME
    doing = f"reading {path}"
    again = "put its backup back, or move it away: what is open is then told once more"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Alerts()
    try:
        head = msgspec.json.decode(data)
        if not isinstance(head, dict) or head.get("format") != _FORMAT:
            raise AlertsStateError(doing, "this is no state of alerts", again)
        if head.get("version") != _VERSION:
            raise AlertsStateError(
                doing,
                f"its version is {head.get('version')!r}, known is {_VERSION}",
                f"use the version of archiver that wrote it; or {again}",
            )
        return msgspec.json.decode(data, type=Alerts)
    except msgspec.DecodeError as error:
        raise AlertsStateError(doing, f"it is damaged ({error})", again) from None


def write_state(folder: Path, state: Alerts) -> None:
    """Keep the state; what returned survives a power cut. Hold the archive's lock."""
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / _NAME, msgspec.json.format(msgspec.json.encode(state)) + b"\n")
