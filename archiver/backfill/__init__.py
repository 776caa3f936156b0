"""Backfill: what was lost, in the destination's form, to be sent once."""
