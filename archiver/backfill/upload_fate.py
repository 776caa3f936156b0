"""What an upload does with an event now: by its state, its age and the windows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from archiver.backfill.upload_folder import Event, Folder
from archiver.backfill.upload_journal import State
from archiver.backfill.upload_since import NOTHING, Since
from archiver.reconcile.binding import dedup_window

Fate: TypeAlias = Literal[
    "accepted",
    "rejected",
    "accepted_since",
    "in_later_backfill",
    "expired",
    "beyond_dedup",
    "ambiguous",
    "waiting",
]
"""`waiting`: to be sent, now or by a later run; all others never are. `accepted_since`: the archive
has a receipt that says so, of another attempt than this upload's."""

FATES: tuple[Fate, ...] = (
    "accepted",
    "rejected",
    "accepted_since",
    "in_later_backfill",
    "expired",
    "beyond_dedup",
    "ambiguous",
    "waiting",
)


@dataclass(frozen=True)
class Windows:
    """What decides whether sending counts nothing twice.

    Attributes:
        dedup_window: how long the destination recognises a repetition; None: it does not.
        dedup_clock: from when on, for what this upload left unsure.
        has_twin: each event may have been counted once already, by the browser's pixel.
        takes_any_risk: the backfill was asked for `--include beyond-dedup`.
        since: what became of its events elsewhere.
    """

    dedup_window: timedelta | None
    dedup_clock: Literal["event", "arrival"]
    has_twin: bool
    takes_any_risk: bool
    since: Since = NOTHING

    def fate(
        self, event: Event, state: State, first_sent_at: datetime | None, now: datetime
    ) -> Fate:
        """What is done with one event.

        Args:
            event: the event.
            state: what the journal has of it.
            first_sent_at: when this upload first sent its batch, UTC; None: never.
            now: the instant, UTC.
        """
        if state == "accepted" or state == "rejected":
            return state
        key = (event.event_id, event.event)
        if key in self.since.accepted:
            return "accepted_since"
        if state == "unknown":
            return "ambiguous"
        if key in self.since.taken_over:
            return "in_later_backfill"
        is_expired = event.deadline is not None and event.deadline < now
        # Somebody may have sent it before this upload did, and from then on the window counts.
        may_repeat = not self.takes_any_risk and (self.has_twin or event.status == "ambiguous")
        if state == "unsure":
            by_arrival = self.dedup_clock == "arrival" and not may_repeat
            start = event.event_time
            # By a clock that was put back since, the first attempt lies ahead and tells nothing.
            if by_arrival and first_sent_at is not None and first_sent_at <= now:
                start = first_sent_at
            is_safe = self._is_recognised(start, now)
            return "waiting" if is_safe and not is_expired else "ambiguous"
        if is_expired:
            return "expired"
        if may_repeat and not self._is_recognised(event.event_time, now):
            return "beyond_dedup"
        return "waiting"

    def _is_recognised(self, start: datetime, now: datetime) -> bool:
        return self.dedup_window is not None and now < start + self.dedup_window


def windows(folder: Folder, since: Since = NOTHING) -> Windows:
    """The windows of a backfill's destination, by the present configuration.

    Args:
        folder: the backfill.
        since: what became of its events elsewhere.
    """
    return Windows(
        dedup_window(folder.settings),
        folder.settings.dedup_clock,
        folder.manifest.get("pixel") == "same_id",
        "beyond-dedup" in folder.manifest.get("include", []),
        since,
    )
