"""What is known of the APIs as of an instant: the nouns, without what finds it out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec


class ApiIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An API that refused or failed far more than usual, for an hour or longer.

    Attributes:
        destination: its name in the configuration.
        since: beginning of the first failing hour, UTC.
        until: end of the last failing hour so far, UTC.
        is_open: no whole hour since then was as usual.
        attempts, failures, throttled: of these hours: all, those not accepted, and those refused
            with "too many requests".
        ratio: accepted ÷ attempts; None where the feed lists failures only.
        baseline: the ratio of the same hours of past weeks; None where there is none.
        baseline_failures: failures in the same hours of past weeks, added up; None likewise.
        top_code: the most frequent code of those not accepted.
        top_code_meaning: in words; None where they are not known.
    """

    destination: str
    since: datetime
    until: datetime
    is_open: bool
    attempts: int
    failures: int
    throttled: int
    ratio: float | None
    baseline: float | None
    baseline_failures: float | None
    top_code: str | None
    top_code_meaning: str | None

    @property
    def throttled_ratio(self) -> float:
        """The share of the attempts that were refused with "too many requests"."""
        return self.throttled / self.attempts if self.attempts else 0.0

    def lines(self) -> list[str]:
        """What is known of it, in lines for people."""
        lines = []
        if self.ratio is not None:
            usual = f"; usual: {self.baseline:.1%}" if self.baseline is not None else ""
            accepted = self.attempts - self.failures
            lines.append(
                f"{accepted:,} of {self.attempts:,} attempts accepted ({self.ratio:.1%}{usual})"
            )
        else:
            usual = (
                f"; usual in these hours: {self.baseline_failures:,.0f}"
                if self.baseline_failures is not None
                else ""
            )
            lines.append(f"{self.failures:,} attempts failed{usual}")
        if self.top_code is not None:
            meaning = f": {self.top_code_meaning}" if self.top_code_meaning else ""
            lines.append(f"most frequent code {self.top_code}{meaning}")
        if self.throttled:
            lines.append(f"{self.throttled_ratio:.0%} of the attempts were throttled")
        return lines


@dataclass(frozen=True)
class ApiState:
    """What can be said of the APIs as of an instant.

    Attributes:
        incidents: those of the last week, as far as they lie in it; by destination and time.
        unseen: destinations of which nothing can be said now: no hour that tells is younger than
            `stale_after`.
    """

    incidents: list[ApiIncident]
    unseen: frozenset[str]

    @property
    def failing(self) -> list[ApiIncident]:
        """The APIs that are failing now, of those of which something can be said now."""
        return [i for i in self.incidents if i.is_open and i.destination not in self.unseen]
