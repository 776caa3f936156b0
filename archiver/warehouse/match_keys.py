"""The ids of an event as a destination sees them, tier by tier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archiver.destinations.transforms import transformed
from archiver.warehouse.event_values import Value, ValuePath, Values

MESSAGE_ID: ValuePath = ("messageId",)
"""Read from the archive's column, where an envelope may have given it."""


@dataclass(frozen=True)
class ReadyKey:
    """One match key.

    Attributes:
        path: where the id is.
        steps: of `archiver.destinations.transforms.STEPS`, in their order.
    """

    path: ValuePath
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ids:
    """The ids of one event at one destination.

    Attributes:
        event_id: of the first key that yields one; None where none does.
        key_tier: that key's place, from 1; None where there is no id.
        further_ids: element i, from 1, is the id at tier `key_tier` + i, None where that key
            yields none, or one that an earlier key yields; None where there is none at all.
    """

    event_id: str | None = None
    key_tier: int | None = None
    further_ids: list[str | None] | None = None


NO_IDS = Ids()


def is_message_id(keys: Sequence[ReadyKey]) -> bool:
    """Whether the id is the event's messageId as it is, and nothing else."""
    return list(keys) == [ReadyKey(MESSAGE_ID)]


def read_ids(keys: Sequence[ReadyKey], values: Values, message_id: str | None) -> Ids:
    """The ids of one event.

    Args:
        keys: the destination's, in the order of their tiers.
        values: the event's values under their paths.
        message_id: its messageId as the warehouse has it.
    """
    ids: list[str | None] = []
    for key in keys:
        value = message_id if key.path == MESSAGE_ID else values.get(key.path)
        ids.append(_id(value, key.steps))
    for index, event_id in enumerate(ids):
        if event_id is not None:
            further = _first_of_each(ids, index + 1)
            return Ids(event_id, index + 1, further if any(further) else None)
    return NO_IDS


def _id(value: Value, steps: tuple[str, ...]) -> str | None:
    return transformed(str(value), steps) if isinstance(value, str) else None


def _first_of_each(ids: list[str | None], start: int) -> list[str | None]:
    """The ids from a place on, but for those that stand before them."""
    return [
        None if event_id in ids[:index] else event_id
        for index, event_id in enumerate(ids[start:], start)
    ]
