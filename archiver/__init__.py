"""Keep your own copy of every event, reconcile it with what destinations acknowledged, backfill."""

__version__ = "0.1.0"
