"""Checks of a destination's rules, conditions, match keys and former zones."""

from __future__ import annotations

import re
from collections.abc import Collection
from zoneinfo import ZoneInfo

from archiver.config.rule_settings import (
    NUMBER_TESTS,
    TESTS,
    Condition,
    MatchKeySettings,
    RuleSettings,
    ZoneBefore,
)
from archiver.config.settings import DestinationSettings
from archiver.destinations.base import Rule
from archiver.destinations.transforms import STEPS
from archiver.errors import ConfigError
from archiver.nearest import nearest
from archiver.values import parse_number

CALL_TYPES = ("track", "page", "screen", "identify", "group", "alias")


def check_selection(
    where: str, destination: DestinationSettings, preset_rules: Collection[Rule], doing: str
) -> None:
    """Check everything that says which events are conversions, and under which id.

    Args:
        where: the destination's table, for messages.
        destination: its settings.
        preset_rules: the rules that its type and preset bring.
        doing: for messages.
    """
    _check_rules(f"{where}.rules", destination.rules, doing)
    if not preset_rules and all(rule.ignore for rule in destination.rules):
        raise ConfigError(
            doing,
            f"{where} has no rule that selects an event: type {destination.type} knows none with "
            f"preset {destination.preset!r}",
            f"add [[{where}.rules]] with the event and its name at the destination",
        )
    _check_conditions(f"{where}.filter", destination.filter, doing)
    _check_conditions(f"{where}.test_events", destination.test_events, doing)
    for index, window in enumerate(destination.exclude):
        here = f"{where}.exclude[{index}]"
        if not window.reason.strip():
            raise ConfigError(doing, f"{here}.reason is empty", "say what else delivered")
        _check_conditions(f"{here}.filter", window.filter, doing)
    for index, key in enumerate(destination.match_keys):
        _check_match_key(f"{where}.match_keys[{index}]", key, doing)
    for index, category in enumerate(destination.consent_categories):
        if not category.strip():
            raise ConfigError(doing, f"{where}.consent_categories[{index}] is empty")
    _check_former_zones(
        f"{where}.account_timezone_before", destination.account_timezone_before, doing
    )


def check_zone(key: str, name: str, doing: str) -> None:
    """Refuse what is no IANA zone."""
    try:
        ZoneInfo(name)
        is_known = name != "localtime"  # The machine's own, which no other machine knows.
    except (KeyError, ValueError, OSError):
        is_known = False
    if not is_known:
        raise ConfigError(
            doing,
            f"{key} is {name!r}, which is no IANA zone",
            'write it as "America/New_York"',
        )


def _check_rules(where: str, rules: list[RuleSettings], doing: str) -> None:
    seen: dict[tuple[str, str | None], int] = {}
    for index, rule in enumerate(rules):
        here = f"{where}[{index}]"
        for key in ("type", "event", "name"):
            text = getattr(rule, key)
            if text is not None and not text.strip():
                raise ConfigError(doing, f"{here}.{key} is empty", "leave it out")
        if rule.type not in CALL_TYPES:
            raise ConfigError(
                doing, f"{here}.type: there is no {rule.type!r}", nearest(rule.type, CALL_TYPES)
            )
        if rule.ignore and (rule.filter or rule.name is not None):
            raise ConfigError(
                doing,
                f"{here} has ignore = true, and so needs neither name nor filter",
                "ignore takes all events of its type and name; to leave some out use filter alone",
            )
        first = seen.setdefault((rule.type, rule.event), index)
        if first != index:
            raise ConfigError(
                doing,
                f"{here} is for the same type and event as {where}[{first}], which decides",
                "remove one of them",
            )
        _check_conditions(f"{here}.filter", rule.filter, doing)


def _check_conditions(where: str, conditions: list[Condition], doing: str) -> None:
    for index, condition in enumerate(conditions):
        _check_condition(f"{where}[{index}]", condition, doing)


def _check_condition(where: str, condition: Condition, doing: str) -> None:
    _check_path(f"{where}.path", condition.names, doing)
    tests = condition.tests
    if len(tests) != 1:
        has = f"has {' and '.join(tests)}" if tests else "has no test"
        raise ConfigError(doing, f"{where} {has}", f"give exactly one of {', '.join(TESTS)}")
    ((test, value),) = tests.items()
    if test in NUMBER_TESTS and parse_number(value) is None:
        raise ConfigError(doing, f"{where}.{test} is {value!r}, which is no number")
    if test in ("is", "is_not"):
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, float) and parse_number(one) is None:
                raise ConfigError(doing, f"{where}.{test} has {one!r}, which is no number")
        if value == []:
            raise ConfigError(doing, f"{where}.{test} is an empty list", "name a value")
    if test == "matches":
        try:
            re.compile(str(value))
        except re.error as error:
            raise ConfigError(
                doing,
                f"{where}.matches is {value!r}, which is no regular expression: {error}",
                "write a backslash in single quotes: '\\d'",
            ) from None


def _check_match_key(where: str, key: MatchKeySettings, doing: str) -> None:
    _check_path(f"{where}.path", key.names, doing)
    for step in key.steps:
        if step not in STEPS:
            raise ConfigError(
                doing, f"{where}.transform: there is no {step!r}", nearest(step, STEPS)
            )


def _check_path(key: str, names: tuple[str, ...], doing: str) -> None:
    if not names or not all(names):
        raise ConfigError(
            doing,
            f"{key} is {'.'.join(names)!r}, which has an empty name in it",
            'write it as "properties.plan", or ["properties", "a.b"] where a name has a dot',
        )
    if names[0] == "$":
        raise ConfigError(
            doing, f"{key} begins with '$'", "paths begin at the event's own keys: leave '$.' out"
        )


def _check_former_zones(where: str, zones: list[ZoneBefore], doing: str) -> None:
    instants = set()
    for index, zone in enumerate(zones):
        check_zone(f"{where}[{index}].zone", zone.zone, doing)
        if zone.until in instants:
            raise ConfigError(
                doing,
                f"{where}[{index}].until is {zone.until.isoformat()}, like that of another zone",
                "each zone ends at an instant of its own",
            )
        instants.add(zone.until)
