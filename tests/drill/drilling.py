"""Drills in tests: configurations of many kinds, and one played without sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archiver.config import Config, load_config
from archiver.drill.play import Drilled, drill

HEAD = """\
[archive]
root = "data/archive"
[warehouse]
path = "data/warehouse"
[sources.web]
paths = ["inbound/web/**/*"]
[sources.app]
paths = ["inbound/app/**/*"]
[destinations.ads]
account_timezone = "America/New_York"
event_source_id = "PIXEL"
receipts = ["receipts/*.ndjson"]
"""

TIKTOK = HEAD + 'type = "tiktok-events"\n'
META = HEAD + 'type = "meta-capi"\n'

# Name of a kind of configuration → what it says.
CONFIGS = {
    "tiktok": TIKTOK + 'pixel = "none"\n',
    "tiktok with an age limit": TIKTOK + 'pixel = "none"\nmax_age = "7d"\n',
    "tiktok with a pixel": TIKTOK + 'pixel = "same_id"\nmax_events = 10\n',
    "tiktok with own rules": TIKTOK
    + """\
pixel = "none"
max_age = "3d"
sources = ["web", "app"]
strict = true
retry_window = "90m"
consent_categories = ["ads"]
map = { "properties.currency" = "USD" }
match_keys = [{ path = "properties.eventId" }, { path = "messageId", transform = "sha256" }]
rules = [
  { event = "Plan Upgraded", name = "Subscribe", filter = [{ path = "properties.on", is = true }] },
  { event = "Order Placed", ignore = true },
]
test_events = [{ path = "context.traits.email", matches = "@example[.]com" }]
""",
    "tiktok from rudderstack": TIKTOK + 'pixel = "none"\npreset = "rudderstack"\n',
    "meta": META + 'pixel = "none"\n',
    "meta with a pixel": META + 'pixel = "same_id"\n',
    "meta counting from arrival": META + 'pixel = "none"\ndedup_clock = "arrival"\n',
    "meta in a store": META + 'event_source = "physical_store"\nretry_window = "1h"\n',
    "meta with a pixel of other ids": META + 'pixel = "other_id"\n',
}


def configured(folder: Path, text: str) -> Config:
    """A configuration in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "archiver.toml").write_text(text)
    return load_config(folder / "archiver.toml", {})


def drilled(folder: Path, text: str, seed: int, **options: Any) -> Drilled:
    """Play one drill."""
    config = configured(folder / "user", text)
    return drill(config, "ads", seed, folder / "drill", **options)
