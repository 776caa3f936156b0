"""The tables of totals inside a destination's settings."""

from __future__ import annotations

from typing import Literal

import msgspec


class TotalsFeed(msgspec.Struct, frozen=True, kw_only=True):
    """`[[destinations.NAME.totals]]`: counts by day, of the destination or the hub.

    Attributes:
        paths: files, folders or globs.
        kind: `delivered`, `received` or `attributed`, where a record does not say.
        format: `auto` detects by content; the name of a format of totals forces it.
        columns: our column name to the feed's, for generic formats.
        names: the feed's event names to the destination's.
    """

    paths: list[str] = []
    kind: Literal["delivered", "received", "attributed"]
    format: str = "auto"
    columns: dict[str, str] = {}
    names: dict[str, str] = {}
