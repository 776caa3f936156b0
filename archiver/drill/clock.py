"""The drill's own time: it passes only when somebody waits."""

from __future__ import annotations

from datetime import datetime, timedelta


class DrillClock:
    """A clock that is set and wound by hand.

    Args:
        now: where it begins, UTC.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """The instant, UTC."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self._now += timedelta(seconds=max(seconds, 0.0))

    def set(self, instant: datetime) -> None:
        """Go to a later instant; an earlier one changes nothing."""
        self._now = max(self._now, instant)
