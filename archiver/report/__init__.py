"""The gap report: a model, and its renderings."""
