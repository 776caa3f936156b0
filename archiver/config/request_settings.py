"""`[destinations.NAME.map]`: fields of a destination's events that are taken from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping

from archiver.destinations.paths import Fixed, Scalar, Source, json_path

MapValue = Scalar | dict[str, Scalar] | list[Scalar | dict[str, Scalar]]
"""A JSON path, a constant, or a list of them: the first that has a value."""


def read_overrides(table: Mapping[str, MapValue]) -> dict[str, tuple[Source, ...]]:
    """The sources of each field, as `RequestSettings.overrides` takes them.

    Raises:
        ValueError: a path is none, or a table is not `{ constant = … }`; the message names the key.
    """
    overrides = {}
    for key, value in table.items():
        given = value if isinstance(value, list) else [value]
        try:
            overrides[key] = tuple(_source(one) for one in given)
        except ValueError as error:
            raise ValueError(f"map.{key}: {error}") from None
    return overrides


def _source(value: Scalar | dict[str, Scalar]) -> Source:
    if isinstance(value, dict):
        if value.keys() != {"constant"}:
            raise ValueError('write a path, a constant, or { constant = "…" }')
        return Fixed(value["constant"])
    if isinstance(value, str) and value.startswith("$"):
        return json_path(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number that JSON can say")
    return Fixed(value)
