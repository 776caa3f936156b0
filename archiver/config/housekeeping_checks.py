"""What `[housekeeping]` must not say: deleting what the figures still need."""

from __future__ import annotations

from datetime import timedelta

from archiver.config.settings import Config
from archiver.errors import ConfigError

SHORTEST = timedelta(days=30)
"""Below that, what may still be delivered or restated would be deleted."""

_MARGIN = timedelta(days=2)


def check_housekeeping(config: Config, doing: str) -> None:
    """Refuse retention that is shorter than what is still looked at.

    Raises:
        ConfigError: names the key.
    """
    settings = config.housekeeping
    threshold = timedelta(days=config.nightly.threshold_days)
    shortest = max(SHORTEST, threshold + _MARGIN)
    for key in ("keep_events", "keep_receipts", "keep_quarantine", "keep_runs"):
        keep = getattr(settings, key)
        if keep is not None and keep < shortest:
            raise ConfigError(
                doing,
                f"housekeeping.{key} is shorter than {shortest.days} days",
                "such days can still be delivered, or their figures change; keep them longer",
            )
