"""The settings as they are once read: what each key means, and its default."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from archiver.account_days import Zone
from archiver.config.night_settings import (
    AlertsSettings,
    Annotation,
    ChannelSettings,
    HousekeepingSettings,
    MetricsSettings,
    NightlySettings,
    ReportSettings,
    WatchSettings,
)
from archiver.config.request_settings import MapValue
from archiver.config.rule_settings import (
    Condition,
    ExcludedWindow,
    MatchKeySettings,
    RuleSettings,
    ZoneBefore,
)
from archiver.config.totals_settings import TotalsFeed
from archiver.errors import ConfigError

S = TypeVar("S")


class ArchiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[archive]`: where the raw copy is kept."""

    root: str = "data/archive"


class WarehouseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[warehouse]`: the folder that analysts open."""

    path: str = "data/warehouse"


class PrivacySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[privacy]`: people who asked to be forgotten.

    Attributes:
        erased: files or globs of ids, one per line: `userId`, `anonymousId` or `messageId`.
    """

    erased: list[str] = []


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[sources.NAME]`: where inbound files come from.

    Attributes:
        paths: files, folders or globs.
        format: `auto` detects by content; a format's name forces it.
        max_bad_ratio: share of bad records in one file above which `ingest` exits 4.
        arrival_lag: how late its files may come; younger hours are not judged to be silent.
        stale_after: age of its newest event above which it is stale.
    """

    paths: list[str] = []
    format: str = "auto"
    max_bad_ratio: float = 0.01
    arrival_lag: timedelta = timedelta(hours=6)
    stale_after: timedelta = timedelta(hours=36)


class DestinationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[destinations.NAME]`: what must reach a destination, and how that is judged.

    Attributes:
        type: kind of destination, as `tiktok-events`.
        account_timezone: IANA zone of the ad account today; account days are its calendar days.
        account_timezone_before: the zones that it had before, each until an instant.
        sources: the sources whose events count; empty for all.
        preset: whose event names, ids and fields are meant.
        rules: which events count, before those of the preset.
        match_keys: where the event id is, the first that an event has; empty: the preset's.
        filter: conditions that must all hold; where one does not, the conversion is suppressed.
        test_events: conditions any of which makes an event a test, which is suppressed.
        consent_categories: what a person must have agreed to; empty: consent is not looked at.
        event_source, event_source_id: the event set at the destination, needed by `backfill`.
        pixel: what the site's browser pixel does (DESIGN §7); a web destination must say.
        integration: the destination's name in `integrations`; the type knows a default.
        retry_window: how long the hub retries.
        provisional_after: age below which a day is marked provisional.
        strict: follow the destination's documentation where the preset's hub departs from it.
        map: fields of its events that are taken from elsewhere (docs/backfill.md).
        exclude: windows in which something else delivered to it.
        max_age: oldest event that the destination takes; the type knows a default, if any.
        dedup_window: how long the destination recognises a repeated event.
        dedup_clock: from when on that counts for what an upload left unsure: from the event, or
            from the upload's own first attempt.
        max_events, max_body_bytes, max_requests_per_second: what one request may hold, and how
            many may be sent; the type knows defaults, if any.
        base_url, api_version: where to send to; the type knows both.
        token_env: name of the environment variable with the token; the type knows a default.
        upload_as: request bodies for the API, or the CSV that people upload, where there is one.
        receipts: files, folders or globs of the receipts feed.
        receipts_format: `auto`, or a receipts format's name.
        receipts_columns: our column name to the feed's.
        receipts_outcomes: the feed's word to our outcome.
        receipts_filter: the feed's column to the value that makes a record this destination's.
        totals: feeds of counts by day.
        reports: whether the feed reports `all` attempts, `failures` only, or there are `totals`
            only.
        totals_tolerance: share of a day's conversions by which a total may be short.
        coverage: what the feed's silence means (DESIGN §4).
        max_gap_ratio, min_gap: a day above both makes `reconcile` exit 3.
        incident_min: conversions below which an hour neither starts nor ends an incident.
        stale_after: age above which a conversion without a receipt makes its feed stale, where
            the feed has nothing newer.
    """

    type: str
    account_timezone: str
    account_timezone_before: list[ZoneBefore] = []
    sources: list[str] = []
    preset: str = "segment"
    rules: list[RuleSettings] = []
    match_keys: list[MatchKeySettings] = []
    filter: list[Condition] = []
    test_events: list[Condition] = []
    consent_categories: list[str] = []
    event_source: str = "web"
    event_source_id: str | None = None
    pixel: Literal["none", "same_id", "other_id"] | None = None
    integration: str | None = None
    strict: bool = False
    map: dict[str, MapValue] = {}
    exclude: list[ExcludedWindow] = []
    retry_window: timedelta = timedelta(hours=4)
    provisional_after: timedelta = timedelta(hours=72)
    max_age: timedelta | None = None
    dedup_window: timedelta | None = None
    dedup_clock: Literal["event", "arrival"] = "event"
    max_events: int | None = None
    max_body_bytes: int | None = None
    max_requests_per_second: float | None = None
    base_url: str | None = None
    api_version: str | None = None
    token_env: str | None = None
    upload_as: Literal["api", "csv"] = "api"
    receipts: list[str] = []
    receipts_format: str = "auto"
    receipts_columns: dict[str, str] = {}
    receipts_outcomes: dict[str, str] = {}
    receipts_filter: dict[str, str] = {}
    totals: list[TotalsFeed] = []
    reports: Literal["all", "failures", "totals"] = "all"
    totals_tolerance: float = 0.02
    coverage: Literal["infer", "daily", "complete"] = "infer"
    max_gap_ratio: float = 0.01
    min_gap: int = 5
    incident_min: int = 10
    stale_after: timedelta = timedelta(hours=36)

    @property
    def zones(self) -> list[Zone]:
        """The account's zones in their order; the last is today's."""
        before = sorted(self.account_timezone_before, key=lambda past: past.until)
        starts = [None, *(past.until for past in before)]
        ends = [*(past.until for past in before), None]
        names = [*(past.zone for past in before), self.account_timezone]
        return [Zone(*zone) for zone in zip(starts, ends, names, strict=True)]


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one project.

    Attributes:
        path: the configuration file, absolute.
        archive_root, warehouse_path: absolute folders.
        sources, destinations: settings by name.
        erased: files or globs of ids whose events must not be delivered.
        channels: where alerts go, by name.
        annotations: by their time.
    """

    path: Path
    archive_root: Path
    warehouse_path: Path
    sources: dict[str, SourceSettings]
    destinations: dict[str, DestinationSettings]
    erased: list[str] = []
    nightly: NightlySettings = NightlySettings()
    housekeeping: HousekeepingSettings = HousekeepingSettings()
    report: ReportSettings = ReportSettings()
    alerts: AlertsSettings = AlertsSettings()
    channels: dict[str, ChannelSettings] = {}
    watch: WatchSettings = WatchSettings()
    metrics: MetricsSettings = MetricsSettings()
    annotations: list[Annotation] = []

    @property
    def own_folders(self) -> tuple[Path, Path]:
        """The folders that the archiver fills: what is in them is never an inbound file."""
        return self.archive_root, self.warehouse_path

    @property
    def folder(self) -> Path:
        """The configuration file's folder, to which its paths are relative."""
        return self.path.parent

    def source(self, name: str) -> SourceSettings:
        """Settings of one source; raises ConfigError that names the nearest known one."""
        return _named(self.sources, name, "source", self.path)

    def destination(self, name: str) -> DestinationSettings:
        """Settings of one destination; raises ConfigError that names the nearest known one."""
        return _named(self.destinations, name, "destination", self.path)


def _named(known: dict[str, S], name: str, what: str, path: Path) -> S:
    if name in known:
        return known[name]
    hint = f"known: {', '.join(sorted(known))}" if known else f"add [{what}s.{name}]"
    raise ConfigError(f"looking up the {what} {name!r} in {path}", "there is none", hint)
