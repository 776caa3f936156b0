"""Each type of destination in a configuration: what it needs, and what it cannot do."""

from __future__ import annotations

import pytest
from support import CONFIG, Workspace

from archiver.backfill.route import route_of
from archiver.config import Config
from archiver.destinations import destination
from archiver.errors import ConfigError

RULE = '\n[[destinations.x.rules]]\nevent = "Order Completed"\nname = "purchase"\n'
META = '[destinations.x]\ntype = "meta-capi"\naccount_timezone = "UTC"\n'
GOOGLE = '[destinations.x]\ntype = "google-ads"\naccount_timezone = "UTC"\n'
CUSTOM = '[destinations.x]\ntype = "custom"\naccount_timezone = "UTC"\n'


def configured(workspace: Workspace, text: str) -> Config:
    workspace.configure(CONFIG + text)
    return workspace.config


@pytest.mark.parametrize(
    "text",
    [
        META + 'pixel = "same_id"',
        META + 'preset = "rudderstack"\npixel = "none"',
        META + 'event_source = "physical_store"',
        META + 'pixel = "other_id"' + RULE,
        GOOGLE + RULE,
        GOOGLE + 'preset = "rudderstack"' + RULE,
        CUSTOM + RULE,
        CUSTOM + 'event_source = "kiosk"\nintegration = "Kiosk"' + RULE,
        CUSTOM + 'receipts_format = "generic-csv"' + RULE,
    ],
)
def test_a_configuration_that_will_do(workspace: Workspace, text: str) -> None:
    assert "x" in configured(workspace, text).destinations


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (META, "destinations.x.pixel is missing"),
        (META + 'event_source = "website"\npixel = "none"', "knows no event_source 'website'"),
        (META + 'preset = "snowplow"\npixel = "none"', "known: segment, rudderstack"),
        (GOOGLE, "destinations.x has no rule that selects an event"),
        (CUSTOM, "destinations.x has no rule that selects an event"),
        (
            CUSTOM + 'receipts_format = "api-log"' + RULE,
            "type custom has no reader for its API log",
        ),
    ],
)
def test_a_configuration_that_will_not_do(workspace: Workspace, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        configured(workspace, text)


@pytest.mark.parametrize(
    ("text", "type_name", "preset"),
    [
        (META + 'event_source = "business_messaging"', "meta-capi", "segment"),
        (GOOGLE + RULE, "google-ads", "segment"),
        (CUSTOM + 'preset = "rudderstack"' + RULE, "custom", "rudderstack"),
    ],
)
def test_a_backfill_that_cannot_be_built_is_refused_at_once(
    workspace: Workspace, text: str, type_name: str, preset: str
) -> None:
    settings = configured(workspace, text).destination("x")
    with pytest.raises(ConfigError) as refused:
        route_of("x", settings)
    assert refused.value.exit_code == 2
    assert refused.value.doing == "planning a backfill for x"
    assert f"cannot build requests of type {type_name} with preset '{preset}'" in refused.value.why
    assert "table reconciliation" in refused.value.hint


def test_what_builds_the_requests_of_a_destination(workspace: Workspace) -> None:
    settings = workspace.config.destination("tiktok")
    assert route_of("tiktok", settings).kind is destination("tiktok-events")
