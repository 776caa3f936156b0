"""What the HTTP status that a hub got from a destination says, where nobody kept the body."""

from __future__ import annotations

from archiver.destinations.base import Outcome, outcome_of_status

_TIMED_OUT = 408


def hub_outcome(status: int | None, *, is_final: bool) -> Outcome:
    """The outcome of an attempt that a hub itself calls no success.

    Args:
        status: HTTP status; None where there was none, or none is known.
        is_final: the hub will not try again.

    Returns:
        `failed` for 401, 403, 429, 500 and 503; `rejected` for the other refusals (400 to 499
        without 408) where they are final, else `failed`; `unknown` for all else: it may have
        landed.

    Source: DESIGN §4 for the statuses; that hubs give up at once on a 4xx and retry the rest:
    rudder-server, router (medium), and Segment's documentation on retries (medium).
    """
    if status is not None and 400 <= status < 500 and status != _TIMED_OUT:
        outcome = outcome_of_status(status)
        return outcome if outcome == "failed" else ("rejected" if is_final else "failed")
    return outcome_of_status(status)


def status_of(code: str | int | None) -> int | None:
    """A code as an HTTP status; None where it is none."""
    text = str(code).strip() if code is not None else ""
    return int(text) if len(text) == 3 and text.isascii() and text.isdigit() else None
