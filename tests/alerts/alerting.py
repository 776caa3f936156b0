"""What the tests of the alerts share: conditions, nights, and channels that take or refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from archiver.alerts.channels import ChannelError
from archiver.alerts.model import Blind, Condition, Told
from archiver.alerts.state import Message
from archiver.alerts.telling import tell
from archiver.config import Config
from archiver.config.night_settings import AlertsSettings, ChannelSettings

MIDNIGHT = datetime(2026, 1, 15, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Killed(BaseException):
    """The process dies here."""


def at(hours: float) -> datetime:
    """So many hours after the first night."""
    return MIDNIGHT + timedelta(hours=hours)


def outage(
    destination: str = "tiktok",
    start: float = -5,
    end: float = -1,
    conversions: int = 40,
    **more: Any,
) -> Condition:
    """A delivery outage; start and end in hours after the first night."""
    known: dict[str, Any] = {
        "kind": "outage",
        "subject": f"{destination} delivery_outage",
        "destination": destination,
        "diagnosis": "delivery_outage",
        "since": at(start),
        "until": at(end),
        "conversions": conversions,
        "values": {"USD": Decimal("12.50") * conversions},
        "cause": f"destination {destination}",
    }
    return Condition(**known | more)


def gap(destination: str = "tiktok", conversions: int = 40, **more: Any) -> Condition:
    known: dict[str, Any] = {
        "kind": "gap",
        "subject": destination,
        "destination": destination,
        "conversions": conversions,
        "cause": f"destination {destination}",
    }
    return Condition(**known | more)


def stale(source: str = "web", **more: Any) -> Condition:
    return Condition(kind="stale", subject=source, source=source, cause=f"source {source}", **more)


def config_of(folder: Path, **channels: ChannelSettings) -> Config:
    return Config(
        path=folder / "archiver.toml",
        archive_root=folder / "archive",
        warehouse_path=folder / "warehouse",
        sources={},
        destinations={},
        alerts=AlertsSettings(cooldown=timedelta(hours=6)),
        channels=channels,
    )


def channel(*kinds: str) -> ChannelSettings:
    return ChannelSettings(url_env="SOME_URL", kinds=list(kinds))


@dataclass
class Channels:
    """Channels that keep what they took.

    Attributes:
        took: by channel, in order.
        down: those that refuse all.
        kill_at: dies at this instant, counted over all sends: before and after each.
    """

    took: dict[str, list[Message]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    kill_at: int | None = None
    instants: int = 0
    _names: dict[int, str] = field(default_factory=dict)

    def __call__(
        self, settings: ChannelSettings, environment: Mapping[str, str], timeout: timedelta
    ) -> _Way:
        return _Way(self, self._names[id(settings)])

    def know(self, config: Config) -> None:
        self._names = {id(settings): name for name, settings in config.channels.items()}

    def instant(self) -> None:
        self.instants += 1
        if self.instants == self.kill_at:
            raise Killed

    def said(self, name: str = "slack") -> list[tuple[str, str]]:
        """State and title, without the name of the program."""
        return [(m.state, m.title.removeprefix("archiver: ")) for m in self.took.get(name, [])]


@dataclass
class _Way:
    channels: Channels
    name: str

    def send(self, message: Message, text: str) -> None:
        self.channels.instant()
        if self.name in self.channels.down:
            raise ChannelError("it could not be reached (ConnectError)")
        self.channels.took.setdefault(self.name, []).append(
            # As it was then: the state goes on changing it.
            Message(**{f: getattr(message, f) for f in message.__struct_fields__})
        )
        self.channels.texts.setdefault(self.name, []).append(text)
        self.channels.instant()


@dataclass
class Nights:
    """Rounds on one state."""

    folder: Path
    config: Config
    channels: Channels = field(default_factory=Channels)

    def night(
        self,
        hours: float,
        *conditions: Condition,
        blind: Sequence[Blind] = (),
        ended: Sequence[Condition] = (),
        now: float | None = None,
    ) -> Told:
        """One round as of so many hours after the first; by the clock then too, or at `now`."""
        self.channels.know(self.config)
        return tell(
            self.config,
            {},
            self.folder,
            conditions,
            blind=blind,
            ended=ended,
            as_of=at(hours),
            now=at(hours if now is None else now),
            run_id=f"run-{hours:g}",
            sender=self.channels,
        )


def nights_in(folder: Path, **channels: ChannelSettings) -> Nights:
    """Rounds with these channels; without any, with one that is called `slack`."""
    return Nights(folder / "_alerts", config_of(folder, **channels or {"slack": channel()}))
