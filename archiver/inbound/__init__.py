"""Inbound files: bytes → records → events."""
