"""Which events are conversions, and why one must not be delivered (docs/reconciliation.md)."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from support import CONFIG, Workspace

from archiver.destinations.base import Rule
from archiver.destinations.tiktok_events import TikTokEvents
from archiver.warehouse.content import read_content
from archiver.warehouse.rules import (
    DestinationRules,
    configured_rules,
    fingerprint,
    fingerprint_of,
)


def rules(workspace: Workspace, *settings: str) -> DestinationRules:
    """The rules of the usual destination with more settings."""
    workspace.configure("\n".join([CONFIG, *settings]))
    (found,) = configured_rules(workspace.config)
    return found


def rule(**settings: Any) -> str:
    """One `[[rules]]` table; JSON values are TOML values."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    return "\n".join(["[[destinations.tiktok.rules]]", *lines])


def name_of(found: DestinationRules, call_type: str | None, event: str | None) -> str | None:
    selected = found.select(call_type, event)
    return selected and selected.name


@pytest.mark.parametrize(
    ("own", "call_type", "event", "name"),
    [
        # The preset's rules alone.
        ([], "track", "Order Completed", "CompletePayment"),
        ([], "page", None, "PageView"),
        ([], "page", "Home", "PageView"),
        ([], "track", "Nothing Known", None),
        ([], "track", None, None),
        ([], None, "Order Completed", None),
        ([], "identify", "Order Completed", None),
        # An own rule for what the preset does not know, under a name or the event's own.
        ([{"event": "Plan Upgraded", "name": "Subscribe"}], "track", "Plan Upgraded", "Subscribe"),
        ([{"event": "Plan Upgraded"}], "track", "Plan Upgraded", "Plan Upgraded"),
        ([{"event": "Plan Upgraded"}], "track", "Order Completed", "CompletePayment"),
        # Own rules are exact.
        ([{"event": "Plan Upgraded"}], "track", "plan upgraded", None),
        ([{"event": "Plan Upgraded"}], "track", "Plan Upgraded ", None),
        ([{"event": "Plan Upgraded"}], "page", "Plan Upgraded", "PageView"),
        # They come before the preset's, in their order; the first that fits decides.
        ([{"event": "Order Completed", "name": "Mine"}], "track", "Order Completed", "Mine"),
        ([{"event": "A", "name": "X"}, {"name": "Any"}], "track", "A", "X"),
        ([{"event": "A", "name": "X"}, {"name": "Any"}], "track", "Order Completed", "Any"),
        ([{"name": "Any"}, {"event": "A", "name": "X"}], "track", "A", "Any"),
        ([{}], "track", "Anything", "Anything"),
        # Without a name of its own an event has none to go by.
        ([{}], "track", None, None),
        ([{}], "track", "", None),
        ([{"name": "Any"}], "track", None, "Any"),
        ([{"type": "screen"}], "screen", None, None),
        ([{"type": "screen", "name": "View"}], "screen", None, "View"),
        # What is ignored is taken out of what comes later.
        ([{"event": "Order Completed", "ignore": True}], "track", "Order Completed", None),
        ([{"event": "Order Completed", "ignore": True}], "track", "Product Viewed", "ViewContent"),
        ([{"type": "page", "ignore": True}], "page", None, None),
        ([{"event": "A"}, {"ignore": True}], "track", "A", "A"),
        ([{"event": "A"}, {"ignore": True}], "track", "Order Completed", None),
    ],
)  # fmt: skip
def test_the_first_rule_that_fits_decides(
    workspace: Workspace,
    own: list[dict[str, Any]],
    call_type: str | None,
    event: str | None,
    name: str | None,
) -> None:
    assert name_of(rules(workspace, *(rule(**one) for one in own)), call_type, event) == name


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("product added", "AddToCart"),
        ("PRODUCT ADDED", "AddToCart"),
        ("\tProduct Added ", "AddToCart"),
        ("straße", "Street"),
        ("STRASSE", "Street"),
        ("product  added", None),
        ("Plain", "Plain"),
        ("plain", None),
        (None, None),
    ],
)
def test_folded_rules_ignore_case_and_white_space_around(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, event: str | None, name: str | None
) -> None:
    folded = (
        Rule("track", "Product Added", "AddToCart", is_folded=True),
        Rule("track", "Straße", "Street", is_folded=True),
        Rule("track", "Plain", "Plain"),
    )
    monkeypatch.setattr(TikTokEvents, "rules", lambda self, preset: folded)
    assert name_of(rules(workspace), "track", event) == name


SWITCHED_OFF = {"integrations": {"TikTok Conversions": False}}
REFUSED = {"context": {"consent": {"categoryPreferences": {"ads": False}}}}
A_TEST = {"userId": "tester"}
FREE = {"properties": {"plan": "free", "n": 1}}
PAID = {"properties": {"plan": "pro", "n": 1}}
ALL_REASONS = (
    'consent_categories = ["ads"]',
    'test_events = [{ path = "userId", is = "tester" }, { path = "context.test", exists = true }]',
    'filter = [{ path = "properties.n", at_least = 1 }]',
    '[[destinations.tiktok.rules]]\nevent = "Plan Upgraded"',
    'filter = [{ path = "properties.plan", is = ["pro", "team"] }]',
)


def reason(found: DestinationRules, at: int | None = None, **event: Any) -> str | None:
    """Why an event must not be delivered; it is a Plan Upgraded unless it says otherwise."""
    event = {"type": "track", "event": "Plan Upgraded", **event}
    selected = found.select(event["type"], event["event"])
    assert selected is not None
    payload = json.dumps(event)
    values = found.reader.read(payload)
    return found.suppressed_reason(selected.rule, read_content(payload), values, at)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (PAID, None),
        (SWITCHED_OFF | REFUSED | A_TEST | FREE, "integration_off"),
        (REFUSED | A_TEST | FREE, "no_consent"),
        (A_TEST | FREE, "test_event"),
        (PAID | {"context": {"test": 0}}, "test_event"),
        (FREE, "filtered"),
        ({}, "filtered"),
        # The destination's filter holds for every rule, the rule's for its events alone.
        ({"properties": {"plan": "pro", "n": 0}}, "filtered"),
        ({"event": "Order Completed", "properties": {"n": 0}}, "filtered"),
        ({"event": "Order Completed", "properties": {"n": 2}}, None),
    ],
)
def test_the_first_reason_in_the_fixed_order(
    workspace: Workspace, event: dict[str, Any], expected: str | None
) -> None:
    assert reason(rules(workspace, *ALL_REASONS), **event) == expected


@pytest.mark.parametrize(
    ("at", "plan", "expected"),
    [
        (-1, "pro", None),
        (0, "pro", "excluded"),
        (1_999_999, "pro", "excluded"),
        (2_000_000, "pro", None),
        (None, "pro", None),
        (0, "free", "filtered"),  # Which comes before.
        (5_000_000, "team", "excluded"),
        (5_000_000, "pro", None),  # The window's filter does not hold.
    ],
)
def test_what_something_else_delivered_is_excluded(
    workspace: Workspace, at: int | None, plan: str, expected: str | None
) -> None:
    found = rules(
        workspace,
        'filter = [{ path = "properties.plan", is_not = "free" }]',
        "exclude = [{ from = 1970-01-01T00:00:00Z, to = 1970-01-01T00:00:02Z, reason = 'pixel' },"
        " { from = 1970-01-01T00:00:05Z, to = 1970-01-01T00:00:06Z, reason = 'sender',"
        ' filter = [{ path = "properties.plan", is = "team" }] }]',
    )
    assert reason(found, at, event="Order Completed", properties={"plan": plan}) == expected


@pytest.mark.parametrize(
    ("integrations", "is_off"),
    [
        ({"TikTok Conversions": False}, True),
        ({"TikTok Conversions": False, "All": True}, True),
        ({"All": False}, True),
        ({"All": False, "TikTok Conversions": True}, False),
        ({"All": False, "TikTok Conversions": {}}, False),
        ({"All": False, "TikTok Conversions": None}, True),
        ({"All": True}, False),
        ({"All": 0}, False),
        ({"All": "false"}, False),
        ({"Other": False}, False),
        ([False], False),
        (None, False),
    ],
)
def test_only_exactly_false_switches_an_integration_off(
    workspace: Workspace, integrations: Any, is_off: bool
) -> None:
    expected = "integration_off" if is_off else None
    found = rules(workspace)
    assert reason(found, event="Order Completed", integrations=integrations) == expected


def test_without_a_known_name_only_all_counts(workspace: Workspace) -> None:
    found = dataclasses.replace(rules(workspace), integration=None)
    off = {"event": "Order Completed"}
    assert reason(found, **off, integrations={"TikTok Conversions": False}) is None
    assert reason(found, **off, integrations={"All": False}) == "integration_off"


@pytest.mark.parametrize(
    ("context", "is_refused"),
    [
        ({"consent": {"categoryPreferences": {"ads": True, "data": True}}}, False),
        ({"consent": {"categoryPreferences": {"ads": True, "data": False}}}, True),
        ({"consent": {"categoryPreferences": {"ads": True}}}, True),
        ({"consent": {"categoryPreferences": {"ads": True, "data": "true"}}}, True),
        ({"consent": {"categoryPreferences": {"ads": True, "data": 1}}}, True),
        ({"consent": {"categoryPreferences": {}}}, True),
        ({"consent": {"categoryPreferences": None}}, False),
        ({"consent": {"categoryPreferences": ["ads"]}}, False),
        ({"consent": {}}, False),
        ({"consent": None}, False),
        ({"consentManagement": {"deniedConsentIds": ["ads", "data"]}}, False),
        (None, False),
    ],
)
def test_consent_as_segment_has_it(workspace: Workspace, context: Any, is_refused: bool) -> None:
    found = rules(workspace, 'consent_categories = ["ads", "data"]')
    expected = "no_consent" if is_refused else None
    assert reason(found, event="Order Completed", context=context) == expected


@pytest.mark.parametrize(
    ("management", "is_refused"),
    [
        ({"deniedConsentIds": []}, False),
        ({"deniedConsentIds": ["other"]}, False),
        ({"deniedConsentIds": ["ads"]}, True),
        ({"deniedConsentIds": ["data", "other"], "resolutionStrategy": "and"}, True),
        ({"deniedConsentIds": ["ads"], "resolutionStrategy": "or"}, False),
        ({"deniedConsentIds": ["data", "ads"], "resolutionStrategy": "or"}, True),
        ({"deniedConsentIds": ["ads"], "resolutionStrategy": "any"}, True),
        ({"deniedConsentIds": ["ads", 1, None, {}]}, True),
        ({"deniedConsentIds": "ads"}, False),
        ({"deniedConsentIds": {"ads": True}}, False),
        ({"allowedConsentIds": []}, False),
        ({}, False),
        (["ads"], False),
        (None, False),
    ],
)
def test_consent_as_rudderstack_has_it(
    workspace: Workspace, management: Any, is_refused: bool
) -> None:
    found = rules(workspace, 'consent_categories = ["ads", "data"]')
    found = dataclasses.replace(found, hub="rudderstack")
    segment_s = {"consent": {"categoryPreferences": {}}}
    expected = "no_consent" if is_refused else None
    context = segment_s | {"consentManagement": management}
    assert reason(found, event="Order Completed", context=context) == expected


@pytest.mark.parametrize("hub", ["segment", "rudderstack"])
def test_consent_is_not_looked_at_without_categories(workspace: Workspace, hub: Any) -> None:
    found = dataclasses.replace(rules(workspace), hub=hub)
    denied = REFUSED["context"] | {"consentManagement": {"deniedConsentIds": ["ads"]}}
    assert reason(found, event="Order Completed", context=denied) is None
    assert found.reader.is_idle


def excluded(first: int, last: int, filter: str = "[]", reason: str = "pixel") -> str:
    day = "2026-01-15T%02d:00:00Z"
    window = f'from = {day % first}, to = {day % last}, reason = "{reason}", filter = {filter}'
    return f"exclude = [{{ {window} }}]"


def test_every_setting_that_changes_rows_changes_the_fingerprint(workspace: Workspace) -> None:
    own = '[[destinations.tiktok.rules]]\nevent = "A"\n'
    variants = [
        [],
        ['integration = "Mine"'],
        ['consent_categories = ["ads"]'],
        ['consent_categories = ["ads", "data"]'],
        ['match_keys = [{ path = "properties.id" }]'],
        ['match_keys = [{ path = "messageId", transform = "trim" }]'],
        ['match_keys = [{ path = "properties.id" }, { path = "messageId" }]'],
        ['match_keys = [{ path = "messageId" }, { path = "properties.id" }]'],
        ['test_events = [{ path = "a", exists = true }]'],
        ['filter = [{ path = "a", exists = true }]'],
        ['filter = [{ path = "b", exists = true }]'],
        ['filter = [{ path = "a", exists = false }]'],
        ['filter = [{ path = "a", is = 1 }]'],
        ['filter = [{ path = "a", is = "1" }]'],
        [own],
        [own + 'name = "B"'],
        [own + "ignore = true"],
        [own + 'type = "page"'],
        [own + 'filter = [{ path = "a", is = 1 }]'],
        [excluded(0, 1)],
        [excluded(0, 2)],
        [excluded(1, 2)],
        [excluded(1, 2, filter='[{ path = "a", is = 1 }]')],
    ]
    found = [rules(workspace, *settings) for settings in variants]
    found.append(dataclasses.replace(found[0], sources=frozenset()))
    found.append(dataclasses.replace(found[2], hub="rudderstack"))
    assert len({fingerprint([one]) for one in found}) == len(found)
    assert len({fingerprint_of(one) for one in found}) == len(found)


def test_other_settings_and_spellings_do_not(workspace: Workspace) -> None:
    plain = rules(workspace, 'filter = [{ path = "a.b", is = 1 }]')
    other = rules(workspace, 'filter = [{ path = ["a", "b"], is = 1 }]', 'retry_window = "9h"')
    keys = rules(
        workspace, 'filter = [{ path = "a.b", is = 1 }]', 'match_keys = [{ path = "messageId" }]'
    )
    assert fingerprint([plain]) == fingerprint([other]) == fingerprint([keys])
    windows = [rules(workspace, excluded(0, 1, reason=why)) for why in ("pixel", "sender")]
    assert fingerprint([windows[0]]) == fingerprint([windows[1]])


def test_a_fingerprint_of_one_destination_is_not_about_the_others(workspace: Workspace) -> None:
    alone = rules(workspace)
    second = CONFIG.partition("[destinations.tiktok]")[2].replace("receipts/", "receipts/b/")
    workspace.configure(f'{CONFIG}[destinations.b]{second}integration = "B"\n')
    b, tiktok = configured_rules(workspace.config)
    assert (b.destination, tiktok.destination) == ("b", "tiktok")
    assert fingerprint_of(tiktok) == fingerprint_of(alone) != fingerprint_of(b)
    assert fingerprint([b, tiktok]) != fingerprint([alone])


def test_a_fingerprint_of_one_destination_is_not_about_its_name(workspace: Workspace) -> None:
    found = rules(workspace)
    renamed = dataclasses.replace(found, destination="renamed")
    assert fingerprint_of(renamed) == fingerprint_of(found)
    assert fingerprint([renamed]) != fingerprint([found])
