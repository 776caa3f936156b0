"""The tables inside a destination's settings: rules, conditions, match keys, windows, zones."""

from __future__ import annotations

from datetime import datetime

import msgspec

Scalar = str | int | float | bool
"""What a value in an event can be compared with."""
Number = str | int | float
"""A number, or its text where more digits count than a float has."""

TESTS = ("is", "is_not", "matches", "exists", "at_least", "more_than", "at_most", "less_than")
NUMBER_TESTS = ("at_least", "more_than", "at_most", "less_than")


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One test on one value of an event; exactly one test is given.

    Attributes:
        path: names joined by dots, from the event's top level, as `properties.plan`; or the list
            of names, where a name has a dot in it. Elements of arrays have no path.
        is_: `is`: the value, or one of the list, is equal; numbers are equal as numbers.
        is_not: `is` does not hold, also where there is no value.
        matches: a regular expression, found anywhere in the text.
        exists: whether there is a value; null is none.
        at_least, more_than, at_most, less_than: of a number, also as text; exact.
    """

    path: str | list[str]
    is_: Scalar | list[Scalar] | None = msgspec.field(default=None, name="is")
    is_not: Scalar | list[Scalar] | None = None
    matches: str | None = None
    exists: bool | None = None
    at_least: Number | None = None
    more_than: Number | None = None
    at_most: Number | None = None
    less_than: Number | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names on the way to the value."""
        return path_names(self.path)

    @property
    def tests(self) -> dict[str, Scalar | list[Scalar]]:
        """The tests that are given, by their names in the configuration."""
        values = {name: getattr(self, "is_" if name == "is" else name) for name in TESTS}
        return {name: value for name, value in values.items() if value is not None}


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[[destinations.NAME.rules]]`: events that must reach the destination, or must not.

    Attributes:
        type: call type.
        event: the event's name, exactly; None: any event of the type.
        name: the destination's name for it; None: the event's own.
        filter: conditions that must all hold; where one does not, the conversion is suppressed.
        ignore: the rule selects nothing, and so takes events out of the preset.
    """

    type: str = "track"
    event: str | None = None
    name: str | None = None
    filter: list[Condition] = []
    ignore: bool = False


class MatchKeySettings(msgspec.Struct, frozen=True, kw_only=True):
    """One of `match_keys`: where an event's id is, and what is done to it.

    Attributes:
        path: as in a condition.
        transform: steps in their order, or one step.
    """

    path: str | list[str]
    transform: str | list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The names on the way to the value."""
        return path_names(self.path)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps of the transformation."""
        return (self.transform,) if isinstance(self.transform, str) else tuple(self.transform)


class ZoneBefore(msgspec.Struct, frozen=True, kw_only=True):
    """One of `account_timezone_before`: a zone that the account had.

    Attributes:
        until: the first instant at which it no longer held, UTC.
        zone: IANA name.
    """

    until: datetime
    zone: str


class ExcludedWindow(msgspec.Struct, frozen=True, kw_only=True):
    """One of `[[destinations.NAME.exclude]]`: a time in which something else delivered.

    Attributes:
        from_, to: `from` and `to`, of the event time, else of the arrival; UTC; `to` is excluded.
        reason: why, for people.
        filter: conditions that must all hold for an event to have been delivered so.
    """

    from_: datetime = msgspec.field(name="from")
    to: datetime
    reason: str
    filter: list[Condition] = []


def path_names(path: str | list[str]) -> tuple[str, ...]:
    """The names of a path: a list as it is, text cut at its dots."""
    return tuple(path.split(".")) if isinstance(path, str) else tuple(path)
