"""Reconciliation: archived conversions against what destinations acknowledged."""
