"""What the user would do on the workspace, by the clock of the drill: import, look, back-fill."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from archiver.archive.ingest import ingest
from archiver.archive.receive import receive
from archiver.archive.store import Archive
from archiver.backfill.plan import Order, Plan, plan
from archiver.backfill.write import write_backfill
from archiver.config import Config
from archiver.drill.hub import Hub
from archiver.drill.world import Happening, World
from archiver.inbound.paths import InboundPath, recorded_path
from archiver.receipts.base import ReceiptSettings
from archiver.reconcile.binding import UPLOAD_LOG
from archiver.reconcile.run import Question, reconcile
from archiver.report.model import build_report
from archiver.report.threshold import days_over_threshold

_HOUR = timedelta(hours=1)
TIERS = frozenset({"ambiguous"})
"""Ambiguous events go in as far as the destination still recognises a repetition."""


class Stage:
    """The workspace and what feeds it. Hold the locks of archive and warehouse.

    Args:
        config: the workspace's.
        name: the destination.
        world: what happened.
        hub: what delivers it.
    """

    def __init__(self, config: Config, name: str, world: World, hub: Hub) -> None:
        self.config = config
        self.name = name
        self.archive = Archive(config.archive_root)
        self._world = world
        self._hub = hub
        self._written = 0

    def import_until(self, instant: datetime) -> None:
        """Import what the whole hours before an instant brought: events, and the hub's log."""
        hour = instant.replace(minute=0, second=0, microsecond=0)
        self._hub.run_until(instant)
        due = [one for one in self._world.happenings[self._written :] if one.arrival < hour]
        self._written += len(due)
        stamp = f"{hour:%Y-%m-%dT%H}"
        for source in sorted({one.source for one in due}):
            path = self._write(f"inbound/{source}/{stamp}.ndjson", _payloads(due, source))
            ingest(self.archive, source, [path], instant)
        lines = self._hub.log_until(hour)
        if lines:
            self._receive([self._write(f"receipts/{stamp}.ndjson", lines)], instant)

    def import_uploads(self, backfill: Path, instant: datetime) -> None:
        """Import the finished logs of an upload, as `archiver receipts` finds them."""
        logs = [
            InboundPath(path, name, name)
            for path in sorted(backfill.glob("upload-*.ndjson"))
            for name in [recorded_path(str(path), self.config.folder)]
        ]
        self._receive(logs, instant, UPLOAD_LOG)

    def shows_outage(self, instant: datetime, since: datetime) -> str | None:
        """What a run at an instant shows of an outage that began then; None: nothing."""
        run = reconcile(self.config, self.archive, Question(instant, self.name))
        report = build_report(run)
        begins = since.replace(minute=0, second=0, microsecond=0)
        for incident in (one for part in report.destinations for one in part.incidents):
            if incident.diagnosis == "delivery_outage" and incident.start >= begins - _HOUR:
                return "incident delivery_outage"
        over = days_over_threshold(report, self.config)
        zone = ZoneInfo(self.config.destination(self.name).account_timezone)
        first_day = since.astimezone(zone).date()
        return "exit code 3" if any(one.day >= first_day for one in over) else None

    def plan(self, instant: datetime, scratch: Path) -> Plan:
        """What a backfill of now would hold."""
        order = Order(Question(instant, self.name), TIERS)
        return plan(self.config, self.archive, order, scratch)

    def write(self, planned: Plan, instant: datetime) -> Path:
        """Write it."""
        return write_backfill(self.config, self.archive, planned, None, instant).path

    def _receive(self, paths: list[InboundPath], instant: datetime, form: str = "auto") -> None:
        about = ReceiptSettings(self.name, self.config.destination(self.name).type)
        receive(self.archive, about, paths, instant, format_name=form)

    def _write(self, name: str, lines: list[bytes]) -> InboundPath:
        path = self.config.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return InboundPath(path, name, name)


def _payloads(happenings: list[Happening], source: str) -> list[bytes]:
    return [one.payload for one in happenings if one.source == source]
