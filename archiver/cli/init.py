"""`archiver init`: a commented configuration."""

from __future__ import annotations

from pathlib import Path

import click

from archiver.cli.common import dry_run_option, json_option, print_json
from archiver.errors import UsageError, blaming_the_path

TEMPLATE = """\
# Configuration of archiver. Paths are relative to this file.
# A variable overrides a key: ARCHIVER_ARCHIVE_ROOT=/mnt/archive archiver ingest

[archive]
root = "data/archive"                     # the raw copy: back this up

[warehouse]
path = "data/warehouse"                   # analysts open data/warehouse/warehouse.duckdb

# [privacy]
# erased = ["privacy/*.txt"]              # userId, anonymousId or messageId, one per line:
#                                         # their events are not delivered

[sources.web]
paths = ["data/inbound/**/*.gz"]          # files, folders, globs
# format = "segment-s3"                   # default: detected by content
# max_bad_ratio = 0.01                    # more bad records than this in one file: exit 4
# arrival_lag = "6h"                      # how late its files may come: younger hours are not
                                          # judged to be silent
# stale_after = "36h"                     # no event for so long: nightly and status exit with 6

[destinations.tiktok]
type = "tiktok-events"
sources = ["web"]                         # default: all
preset = "segment"                        # event names, ids and fields as Segment sends them
event_source = "web"
event_source_id = "PIXEL_CODE"            # your pixel code
pixel = "none"                            # does the site also run the browser pixel?
                                          # "none", "same_id" or "other_id"; see the README
account_timezone = "America/New_York"     # zone of the ad account: its calendar days count
# account_timezone_before = [{ until = 2026-02-01T00:00:00Z, zone = "Europe/Berlin" }]
# integration = "TikTok Conversions"      # its name in the events' `integrations`
# match_keys = [{ path = "properties.eventId" }, { path = "messageId", transform = "sha256" }]
#                                         # where the event id is, best first; default: the preset's
# consent_categories = ["Advertising"]    # without this consent an event must not be delivered
# test_events = [{ path = "context.ip", is = "203.0.113.7" }]   # these neither
# filter = [{ path = "properties.country", is_not = ["DE", "AT"] }]   # nor what fails one of these
retry_window = "4h"                       # how long the hub retries
provisional_after = "72h"                 # younger days are marked provisional
# max_age = "7d"                          # older events are not sent; TikTok documents no limit
# dedup_window = "48h"                    # how long a repeated event is recognised
# dedup_clock = "arrival"                 # of what an upload leaves unsure: since its own attempt,
                                          # not since the event
# strict = true                           # by TikTok's documentation where the hub departs from it
# map = { "user.email" = "$.context.traits.work_email" }   # fields taken from elsewhere
# upload_as = "api"                       # or "csv": a file for people to upload (TikTok CRM)
# max_events = 500                        # of one request
# max_body_bytes = 1000000
# max_requests_per_second = 5
# base_url = "https://proxy.example"      # instead of the destination's own address
# api_version = "v1.3"
# token_env = "TIKTOK_TOKEN"              # the variable with the token, never the token itself
receipts = ["data/receipts/tiktok/*.ndjson"]
# receipts_format = "api-log"             # default: detected; the README lists the formats
# receipts_filter = { destination_id = "2abc" }   # of a feed of several destinations, ours
reports = "all"                           # or "failures": the feed lists failures only;
                                          # or "totals": there are only counts
# totals_tolerance = 0.02                 # share by which a day's count may fall short
coverage = "infer"                        # or "daily", "complete": what the feed's silence means
max_gap_ratio = 0.01                      # a day over this ratio and min_gap: reconcile exits 3
min_gap = 5
# incident_min = 10                       # quieter hours neither start nor end an incident
# stale_after = "36h"                     # a conversion older than this, with no sign of the feed
                                          # since: nightly and status exit with 6

# Which events must reach it, before the preset's; without `name` under their own.
# [[destinations.tiktok.rules]]
# event = "Plan Upgraded"
# name = "Subscribe"
# filter = [{ path = "properties.plan", is = ["pro", "team"] }]
# [[destinations.tiktok.rules]]
# type = "page"
# ignore = true                           # not even what the preset knows

# What something else delivered in an outage, and must not be sent again.
# [[destinations.tiktok.exclude]]
# from = 2026-01-15T15:00:00Z             # of the event time; `to` is excluded
# to = 2026-01-15T19:00:00Z
# reason = "the pixel was switched on"
# filter = [{ path = "context.page.path", matches = "^/checkout" }]

# For a generic receipts feed: our column = theirs, their word = our outcome.
# [destinations.tiktok.receipts_columns]
# event_id = "message_id"
# attempted_at = "sent_at"
# [destinations.tiktok.receipts_outcomes]
# delivered = "accepted"
# error = "failed"

# Counts by day: "delivered" (by the hub's word), "received" or "attributed" (by the destination's).
# [[destinations.tiktok.totals]]
# paths = ["data/totals/tiktok/*.json"]
# kind = "delivered"
# format = "segment-delivery-overview"    # default: detected; or generic-ndjson, -csv, -parquet
# columns = { account_day = "stat_time_day", count = "complete_payment" }
# names = { "Order Completed" = "CompletePayment" }

# What runs unattended: docs/nightly.md, docs/running.md.
# [nightly]
# stale_after = "26h"                     # the last success is older: status exits with 6
# threshold_days = 14                     # account days whose gap makes the exit code 3

# [report]
# folder = "data/reports"                 # latest.html, latest.md and latest.json are the last
# formats = ["html", "markdown", "json"]  # or "csv"; []: none

# [alerts]
# cooldown = "6h"                         # least time between two updates of one incident
# deadline_within = "12h"                 # so long before a recovery deadline it is an alert
# heartbeat_url_env = "HEARTBEAT_URL"     # the variable with a URL that hears of every success
# timeout = "10s"                         # how long a channel may take

# [channels.team]
# url_env = "ALERTS_URL"                  # the variable with its address: Slack, e-mail …, as
                                          # apprise writes it
# type = "apprise"                        # or "webhook": a URL that takes JSON by POST
# kinds = ["gap", "outage", "stale", "deadline", "schema", "quarantine", "failed"]

# [watch]
# baseline_weeks = 4                      # the same hours of so many weeks before are the baseline
# min_attempts = 20                       # quieter hours are not judged
# max_drop = 0.2                          # by how much the acceptance ratio may fall below it

# [housekeeping]
# compact_after = "2d"                    # the files of older days become few
# history = "7d"                          # how long replaced files stay for readers
# keep_events = "800d"                    # older days are deleted; default: never
# keep_receipts = "800d"
# keep_quarantine = "365d"
# keep_runs = "90d"                       # older reconciliations, never the newest

# [metrics]
# textfile = "/var/lib/node_exporter/textfile_collector/archiver.prom"

# [[annotations]]
# time = 2026-01-15T15:10:00Z
# text = "TikTok reports errors of the Events API"   # on the report's time axis
# destination = "tiktok"                  # default: all
"""


@click.command("init", short_help="Write a commented archiver.toml.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("."))
@json_option
@dry_run_option
def command(folder: Path, as_json: bool, dry_run: bool) -> None:
    """Write a commented archiver.toml into FOLDER (default: here)."""
    path = folder / "archiver.toml"
    if path.exists():
        raise UsageError(
            f"writing {path}", "it exists already", "edit it, or remove it and run this again"
        )
    if not dry_run:
        with blaming_the_path(f"writing {path}"):
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(TEMPLATE, encoding="utf-8")
    if as_json:
        print_json({"path": str(path)})
    elif dry_run:
        click.echo(f"{path} would be written")
    else:
        click.echo(f"{path} is written. Say where your files are, then: archiver doctor")
