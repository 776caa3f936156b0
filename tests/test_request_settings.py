"""Settings of backfills and uploads: what is read, and what is refused by its name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support import CONFIG, Workspace

from archiver.config import Config
from archiver.config.request_checks import request_settings
from archiver.destinations.paths import Fixed, JsonPath
from archiver.errors import ConfigError


def read(workspace: Workspace, text: str) -> Config:
    workspace.configure(CONFIG + text)
    return workspace.config


def test_a_map_holds_paths_constants_and_lists_of_them(workspace: Workspace) -> None:
    config = read(
        workspace,
        "[destinations.tiktok.map]\n"
        '"user.email" = "$.context.traits.work_email"\n'
        'value = ["$.properties.total", "$.properties.revenue", 0]\n'
        '"properties.currency" = "USD"\n'
        '"properties.query" = { constant = "$5" }\n'
        '"user.phone" = []\n',
    )
    assert request_settings(config.destination("tiktok")).overrides == {
        "user.email": (JsonPath(("context", "traits", "work_email")),),
        "value": (
            JsonPath(("properties", "total")),
            JsonPath(("properties", "revenue")),
            Fixed(0),
        ),
        "properties.currency": (Fixed("USD"),),
        "properties.query": (Fixed("$5"),),
        "user.phone": (),
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('map = { "user.emial" = "$.a" }', r"tiktok: there is no field 'user.emial'.*user.email"),
        ('map = { email = "$.a[" }', r"tiktok: map.email: '\$.a\[' is no JSON path"),
        ('map = { email = { path = "$.a" } }', r"map.email: write a path, a constant"),
        ("map = { value = nan }", r"map.value: nan is no number"),
        ("max_requests_per_second = nan", r"max_requests_per_second must be above zero"),
        ("max_events = 0", r"tiktok.max_events must be above zero"),
        ("max_requests_per_second = -1.0", r"max_requests_per_second must be above zero"),
        ('base_url = "shop.example"', r"tiktok.base_url .* no scheme and host"),
        ('base_url = "https://shop.example/?token=x"', r"tiktok.base_url is no scheme and host"),
        ('base_url = "https://me:token@shop.example"', r"tiktok.base_url holds credentials"),
        ('token_env = "se cret"', r"tiktok.token_env is no name"),
        ('dedup_clock = "moon"', r"dedup_clock: .*known: event, arrival"),
        ('upload_as = "xml"', r"upload_as: .*known: api, csv"),
        (
            'exclude = [{ from = 2026-01-15T12:00:00, to = 2026-01-15T13:00:00Z, reason = "r" }]',
            r"exclude\[0\].from is .* no instant with an offset",
        ),
        (
            'exclude = [{ from = 2026-01-15T13:00:00Z, to = 2026-01-15T13:00:00Z, reason = "r" }]',
            r"exclude\[0\] ends before it starts",
        ),
        ("exclude = [{ to = 2026-01-15T13:00:00Z }]", r"exclude\[0\]: .*from"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(
    workspace: Workspace, text: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        read(workspace, text + "\n")


@pytest.mark.parametrize(
    "text",
    [
        'token_env = "s3cr3t-t0ken"',
        'base_url = "https://shop.example/?token=s3cr3t"',
        'base_url = "https://me:s3cr3t@shop.example"',
    ],
)
def test_a_token_where_none_belongs_is_not_shown(workspace: Workspace, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(workspace, text + "\n")
    assert "s3cr3t" not in str(caught.value)


def test_the_instants_of_a_window_are_read_in_utc(workspace: Workspace) -> None:
    window = '{ from = 2026-01-15T07:00:00-05:00, to = "2026-01-15T13:00:00Z", reason = "r" }'
    (read_window,) = read(workspace, f"exclude = [{window}]\n").destination("tiktok").exclude
    assert read_window.from_ == datetime(2026, 1, 15, 12, tzinfo=UTC)
    assert read_window.to == datetime(2026, 1, 15, 13, tzinfo=UTC)


def test_map_and_strict_ask_for_a_type_whose_requests_are_built(workspace: Workspace) -> None:
    custom = (
        '[destinations.x]\ntype = "custom"\naccount_timezone = "UTC"\nstrict = true\n'
        '[[destinations.x.rules]]\nevent = "A"\n'
    )
    with pytest.raises(ConfigError, match="builds no requests of type custom"):
        read(workspace, custom)
